/** Where a client connects. A TCP port is one of 127.0.0.1. */
export type Door =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly port: number }
