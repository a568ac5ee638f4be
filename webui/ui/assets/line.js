/* What Gradio sends when somebody presses something. Gradio takes one call without an answer for the end: it lays a box over the
   page, sends nothing any more, and reloads, which forgets what was asked. So a call that reaches nobody waits here and goes out
   again when somebody is there. It carries a number, by which the server knows it: when it had arrived and only the answer was
   lost, nothing is drawn twice. */
(() => {
  const { on, emit } = Easel;
  const CALL = '/gradio_api/run/', PAUSE = 1000, LONGEST = 5000; /* ms */
  const send = window.fetch.bind(window);
  const held = new Map(); /* which button -> {wake, drop} of the call that waits */

  const number = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  /** What stands before an Easel that is away answers for it, in no language that Easel speaks. */
  const nobody = (answer) => answer.status >= 502 && !/json/.test(answer.headers.get('content-type') || '');
  const nothing = () => new Response('{"data": []}', { headers: { 'Content-Type': 'application/json' } });
  /** Desks say it themselves. */
  function tell() {
    emit('held', held.size);
    if (held.size && ![...document.querySelectorAll('.dock')].some((dock) => dock.getClientRects().length)) Easel.toast('Easel cannot be reached. This is done as soon as the line is back.', null, 8, 'alert');
  }

  async function call(path, how) {
    const { fn_index, trigger_id } = JSON.parse(how.body), button = `${fn_index}:${trigger_id}`;
    const headers = new Headers(how.headers); headers.set('X-Easel-Once', number());
    held.get(button)?.drop(); /* pressed again meanwhile: what is on the page now is meant */
    let mine = null, pause = PAUSE;
    try {
      for (;;) {
        const answer = await send(path, { ...how, headers }).catch(() => null);
        if (answer && !nobody(answer)) return answer;
        if (mine?.dropped) return nothing();
        if (!mine) { mine = { wake() {}, drop() { mine.dropped = true; mine.wake(); } }; held.get(button)?.drop(); held.set(button, mine); Easel.live.wake(); tell(); }
        await new Promise((go) => { mine.wake = go; setTimeout(go, pause); });
        if (mine.dropped) return nothing();
        pause = Math.min(LONGEST, pause * 1.5);
      }
    } finally { if (mine && held.get(button) === mine) { held.delete(button); tell(); } }
  }
  window.fetch = (what, how) => (how?.method === 'POST' && typeof how.body === 'string' && new URL(what, location.href).pathname.startsWith(CALL) ? call(what, how) : send(what, how));

  const wake = () => [...held.values()].forEach((one) => one.wake());
  on('line', (up) => { if (up) wake(); });
  addEventListener('online', wake);
  /** Gives up what waits; says whether anything did. */
  const drop = () => [...held.values()].map((one) => one.drop()).length > 0;
  Easel.line = { wake, drop };
})();
