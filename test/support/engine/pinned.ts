/**
 * The newer engine's packages, from Debian 13. They need no newer C library than Debian 12 has.
 *
 * To move on: put the versions in that `apt-cache policy` of a Debian 13 machine shows, and the checksums of the files
 * that `apt-get download` brings.
 */
export const PINNED_SUITE = 'trixie'

export interface PinnedPackage {
  readonly name: string
  readonly version: string
  /** Of the .deb file, by architecture. */
  readonly sha256: Readonly<Partial<Record<string, string>>>
}

export const PINNED_PACKAGES: readonly PinnedPackage[] = [
  {
    name: 'docker.io',
    version: '26.1.5+dfsg1-9+deb13u1+b1',
    sha256: { amd64: '53ae1a99f15113f0a0d2226808ec0d24ee31b3b87b87ab8ec35be09a1a2ee13b' },
  },
  {
    name: 'docker-cli',
    version: '26.1.5+dfsg1-9+deb13u1+b1',
    sha256: { amd64: '596647bc4ffaaaf2e2321116b8a10f6a6086ada797c17a7117798cb391a72776' },
  },
  {
    name: 'docker-compose',
    version: '2.26.1-4',
    sha256: { amd64: '47681197cb2b1ab88206b42a1a92fc75f50d9530a6322d03494a473eed0408ea' },
  },
  {
    name: 'docker-buildx',
    version: '0.13.1+ds1-3',
    sha256: { amd64: 'fcf8c48204d1603c8f209451d7827eb91bf30759578baf7704e9e1a87e5f1d7f' },
  },
  {
    name: 'containerd',
    version: '1.7.24~ds1-6+deb13u1',
    sha256: { amd64: 'ed708deb96fe476a3bce4efa5c0538dfbcf717ab9a7c7944ba7260342c25899c' },
  },
]
