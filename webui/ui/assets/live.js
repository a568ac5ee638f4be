/* What happens on the server, as it happens: one EventSource on /live for the page, closed while nobody looks, reopened when
   somebody does, patient when the line is gone. */
(() => {
  const { on, emit, part, h } = Easel;
  const BUSY = ['queued', 'loading', 'running'];
  const HOPE = 8000; /* ms in which what was sent is seen in the queue */
  let source = null, wait = 500, timer = 0, quiet = 0, hope = null, fading = 0, held = false, asked = false, last = { state: 'idle', job: '', pictures: [], recent: [], waiting: [], worker: {} };

  /** What is known. Of what goes on behind a line that is gone nobody knows how far it is. */
  function known() {
    const now = hope ? { ...last, ...hope } : last;
    return BUSY.includes(now.state) && (held || !live.up) ? { ...now, seconds_left: null, text: 'Waiting for Easel…' } : now;
  }
  const tell = () => emit('live', known());
  function line(up) { if (live.up !== up) { live.up = up; emit('line', up); tell(); } }
  /** Hope ends; what has not been sent may still hope. */
  function fade() {
    clearTimeout(fading);
    fading = setTimeout(() => { if (hope && (held || Date.now() <= hope.until)) fade(); else live.giveUp(); }, 500);
  }
  function open() {
    clearTimeout(timer);
    if (source || idle() || live.over) return;
    source = new EventSource('/live');
    source.addEventListener('ended', () => { live.over = true; close(); line(false); Easel.toast('This link has ended. Ask for a new one.', null, 3600); });
    source.onopen = () => { wait = 500; clearTimeout(quiet); line(true); };
    source.onmessage = (event) => {
      let state; try { state = JSON.parse(event.data); } catch { return; }
      if (hope && (state.job !== hope.before || BUSY.includes(state.state) || (state.waiting || []).length > hope.queue)) hope = null;
      last = state; wait = 500; line(true); tell();
      if (idle()) { asked = false; close(); }
    };
    source.onerror = () => {
      close(); clearTimeout(quiet);
      quiet = setTimeout(() => line(false), 900);
      timer = setTimeout(open, wait); wait = Math.min(15000, wait * 1.8);
    };
  }
  /** Whether nobody listens: the page is hidden, and what was asked on it has been told. Only pages that asked listen on, as a
      browser holds few lines to one place. */
  const idle = () => document.hidden && !(asked && live.busy());
  function close() { if (source) { source.close(); source = null; } }
  const wake = () => { wait = 500; close(); open(); };

  const live = {
    up: true,
    over: false, /* a guest's link has ended: there is nothing to come back to */
    now: known,
    busy: () => BUSY.includes(live.now().state) || (last.waiting || []).length > 0,
    wake,
    /** Show at once that the click was heard; the server's word replaces it. */
    hope(prompt, count) {
      asked = true;
      if (BUSY.includes(last.state)) { Easel.announce('Added to the queue.'); return; }
      hope = { before: last.job, queue: (last.waiting || []).length, until: Date.now() + HOPE, state: 'queued', job: '', prompt, count, index: 0, step: 0, steps: 0, fraction: 0, preview: '', pictures: [], fault: null, notes: [], text: 'Sending…',
        recent: [...(last.pictures || []), ...(last.recent || [])], hoped: true };
      fade(); tell();
    },
    giveUp() { if (hope) { hope = null; tell(); } },
  };
  Easel.live = live;
  on('held', (some) => { held = some > 0; if (hope) hope.until = Date.now() + HOPE; tell(); });
  document.addEventListener('visibilitychange', () => { if (!document.hidden) wake(); else if (idle()) close(); });
  addEventListener('online', wake);
  addEventListener('pageshow', (event) => { if (event.persisted) wake(); });
  addEventListener('pagehide', close);
  open();

  /* The title tells the row of tabs how far it is; that a picture is done, until somebody has looked. */
  let drew = false;
  function entitle() {
    const now = live.now(), busy = BUSY.includes(now.state);
    if (busy) drew = true;
    else if (!document.hidden || now.state !== 'done') drew = false;
    const title = busy ? (now.state === 'running' ? `${Math.round((now.fraction || 0) * 100)} % · Easel` : 'Waiting · Easel') : drew ? 'Done · Easel' : 'Easel';
    if (document.title !== title) document.title = title;
  }
  on('live', entitle); document.addEventListener('visibilitychange', entitle);

  /* The top bar: name, and one quiet pill that says what the machine is doing. */
  part('topbar', ({ element }) => {
    const dot = h('i'), words = h('span', {}, 'Getting ready…');
    const pill = h('div.pill', { role: 'status', id: 'easel-status', 'data-worker': 'starting' }, dot, words);
    element.replaceChildren(h('div.topbar', {}, h('div.brand', {}, h('span.mark', { 'aria-hidden': 'true' }), h('b', {}, 'Easel')), h('div.barend', {}, Easel.shareButton(), pill)));
    const paint = () => {
      const now = live.now(), worker = now.worker || {};
      const drawing = ['loading', 'running'].includes(now.state) || worker.state === 'busy';
      const text = live.over ? 'This link has ended' : !live.up ? 'Reconnecting…' : worker.state === 'dead' ? 'Starts with the next picture' : drawing ? (now.state === 'loading' ? 'Loading the model…' : 'Drawing') :
        worker.state === 'ready' ? 'Ready' : 'Getting ready…';
      if (words.textContent !== text) words.textContent = text;
      pill.title = [text, worker.model, worker.device].filter(Boolean).join(' · ');
      pill.dataset.worker = !live.up ? 'offline' : drawing ? 'busy' : worker.state || 'starting';
    };
    on('live', paint); on('line', paint); paint();
  });
})();
