/** The site's only page. */
export function page({ yourVisits, allVisits, since, guests, container, address, database }) {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>A site that moves</title>
<style>
  body { margin: 0; font: 17px/1.5 system-ui, "DejaVu Sans", sans-serif; background: #eef1f4; color: #1d2733; }
  main { max-width: 40rem; margin: 3rem auto; background: #fff; border-radius: 14px; overflow: hidden; box-shadow: 0 6px 30px #1d273322; }
  header { padding: 2rem 2.2rem; background: #14506e; color: #fff; }
  h1 { margin: 0 0 .3rem; font-size: 1.7rem; }
  header p { margin: 0; color: #cfe3ee; }
  section { padding: 1.4rem 2.2rem; border-top: 1px solid #e3e8ed; }
  h2 { margin: 0 0 .6rem; font-size: 1.05rem; }
  dl { display: grid; grid-template-columns: 10rem 1fr; gap: .35rem 1rem; margin: 0; }
  dt { color: #5d6b79; } dd { margin: 0; font-variant-numeric: tabular-nums; }
  code { font: 15px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; background: #eef1f4; padding: .1rem .4rem; border-radius: 5px; }
  form { display: flex; gap: .6rem; } input { flex: 1; } input, button { font: inherit; padding: .45rem .8rem; border-radius: 7px; border: 1px solid #b9c4ce; }
  button { background: #14506e; color: #fff; border-color: #14506e; cursor: pointer; }
  ul { margin: .8rem 0 0; padding-left: 1.2rem; }
</style>
<main>
  <header>
    <h1>${yourVisits === 1 ? 'Welcome' : 'Welcome back'}</h1>
    <p>This is your visit number ${yourVisits}, and the site’s number ${allVisits}.</p>
  </header>
  <section>
    <h2>What moves with the site</h2>
    <dl>
      <dt>Known to us since</dt><dd>${plain(since.replace('T', ' ').replace(/\..*/, ' UTC'))}</dd>
      <dt>Address</dt><dd><code>${plain(address)}</code></dd>
      <dt>Database</dt><dd><code>${plain(database.name)}</code> at <code>${plain(database.address ?? '?')}</code></dd>
      <dt>Container</dt><dd><code>${plain(container)}</code></dd>
    </dl>
  </section>
  <section>
    <h2>Guest book</h2>
    <form method="post" action="/sign"><input name="name" placeholder="Your name" maxlength="60" aria-label="Your name"><button>Sign</button></form>
    ${guests.length === 0 ? '' : `<ul>${guests.map((name) => `<li>${plain(name)}</li>`).join('')}</ul>`}
  </section>
</main>
`
}

function plain(text) {
  return `${text}`.replace(/[&<>"]/g, (mark) => `&#${mark.charCodeAt(0)};`)
}
