/* The public link: a button in the bar for whoever sits at this computer, and a sheet that makes, shows and ends the link. */
(() => {
  const { h, icon, iconButton, on, post, announce, trouble, copy } = Easel;
  const HOURS = { 1: '1 hour', 8: '8 hours', 72: '3 days' };
  let sheet = null;

  const send = (path, body) => post(path, body).catch(trouble);
  /** The second half of a double click, or of a key held down, would hit the button that came in place of the first. */
  const once = (act) => (event) => { if (event.detail < 2) act(); };
  const others = (n) => (n === 0 ? 'Nobody else is here.' : n === 1 ? 'One person is here.' : `${n} people are here.`);

  /** "until 23:40", "until Friday, 23:40" */
  function until(seconds) {
    const end = new Date(seconds * 1000), today = end.toDateString() === new Date().toDateString();
    return 'until ' + end.toLocaleString([], { ...(today ? {} : { weekday: 'long' }), hour: '2-digit', minute: '2-digit' });
  }

  function hoursOf(now) {
    const chosen = Easel.memory.read('share.hours', now.usual);
    return now.hours.includes(chosen) ? chosen : now.usual;
  }

  const FACES = {
    closed(now) {
      let hours = hoursOf(now);
      const row = h('div.choice', { role: 'radiogroup', 'aria-labelledby': 'share-hours' });
      const mark = () => row.querySelectorAll('button').forEach((b) => { const sure = +b.dataset.hours === hours; b.setAttribute('aria-checked', sure); b.tabIndex = sure ? 0 : -1; });
      row.append(...now.hours.map((n) => h('button', { role: 'radio', 'data-hours': n, onclick: () => { hours = n; Easel.memory.write('share.hours', n); mark(); } }, HOURS[n] || `${n} hours`)));
      Easel.roving(row, 'button', (b) => b.click()); mark();
      return [h('p', {}, 'A link opens this Easel on any phone or computer. Your guests draw on this computer, each with a gallery of their own. They see neither your pictures nor your settings.'),
        h('div', {}, h('p.cap', { id: 'share-hours' }, 'The link works for'), row),
        h('footer', {}, h('button.btn.main', { onclick: once(() => send('/share/open', { hours })) }, icon('share', 18), 'Make a link')),
        h('p.quiet', {}, `Whoever has the whole link can come in. It leads through ${now.service}, which could read along.`)];
    },
    opening: () => [h('p.shareword', { role: 'status' }, h('i.turner', { 'aria-hidden': 'true' }), h('span.words')),
      h('footer', {}, h('button.btn', { onclick: once(() => send('/share/close')) }, 'Cancel'))],
    open(now) {
      const link = h('input.find', { type: 'text', value: now.address, readonly: true, 'aria-label': 'Link', onfocus: (event) => event.target.select() });
      return [h('div.sharelink', {}, h('img.qr', { src: '/share/qr?' + Date.now(), alt: 'QR code of the link' }),
        h('div', {}, h('p', {}, 'Send this link, or point the camera of a phone at the code.'), link,
          h('button.btn.main', { onclick: () => copy(now.address, 'Link copied') }, icon('copy', 18), 'Copy the link'))),
        h('footer', {}, h('p.quiet.who', { role: 'status' }), h('button.btn.danger', { onclick: once(() => send('/share/close')) }, 'Stop sharing'))];
    },
    failed: (now) => [h('p.problem', { role: 'alert' }, icon('info', 20), h('span', {}, now.fault.message, ' ', now.fault.hint)),
      h('footer', {}, now.fault.fix === 'retry' && h('button.btn.main', { onclick: once(() => send('/share/open', { hours: hoursOf(now) })) }, now.fault.fix_label),
        h('button.btn', { onclick: once(() => { send('/share/close'); sheet?.close(); }) }, now.fault.fix === 'retry' ? 'Not now' : 'Close'))],
  };

  /** Draws the sheet anew when its state or its link is another one, else only the words that change. */
  function paint(now) {
    if (!sheet || !now) return;
    const body = sheet.querySelector('.share'), face = now.state + now.address;
    if (body.dataset.face !== face) {
      const held = body.contains(document.activeElement);
      body.dataset.face = face; body.dataset.state = now.state;
      body.replaceChildren(...FACES[now.state](now));
      if (held) (body.querySelector('.btn.main') || body.querySelector('.btn')).focus();
    }
    const said = { opening: ['.words', now.words], open: ['.who', now.lost ? 'The connection was lost. Waiting for it to come back…' : `The link works ${until(now.ends)}. ${others(now.guests)}`] }[now.state];
    const place = said && body.querySelector(said[0]);
    if (place && place.textContent !== said[1]) place.textContent = said[1];
  }

  function open() {
    sheet = Easel.dialog('sheet', 'Share Easel');
    sheet.addEventListener('close', () => { sheet = null; });
    sheet.append(h('header', {}, h('h2', {}, 'Share Easel'), iconButton('close', 'Close', () => sheet.close())), h('div.share', { onkeydown: (event) => { if (event.repeat && event.key === 'Enter') event.preventDefault(); } }));
    paint(Easel.live.now().share);
    (sheet.querySelector('.share .btn.main') || sheet.querySelector('.share .btn'))?.focus();
  }

  /** The button; hidden from guests, who are told nothing of the link. */
  function button() {
    let state = '';
    const node = h('button.sharer', { 'aria-label': 'Share', hidden: true, onclick: open }, icon('share', 20), h('span', {}, 'Share'));
    const draw = () => {
      const now = Easel.live.now().share;
      node.hidden = !now; document.documentElement.toggleAttribute('data-shares', !!now);
      if (!now) return;
      node.dataset.state = now.state;
      node.title = now.state === 'open' ? `Shared ${until(now.ends)}. ${others(now.guests)}` : 'Share Easel with a link';
      const was = state, seen = sheet?.open; /* what closes is there for a moment more, and nobody reads it */
      state = now.state;
      if (was === 'opening' && state === 'open' && seen) announce('The link is ready.');
      if (was === 'opening' && state === 'open' && !seen) Easel.toast('The link is ready.', { label: 'Show it', act: open }, 10);
      if (was === 'open' && state === 'closed' && !seen) Easel.toast('The link has ended.');
      if (['open', 'opening'].includes(was) && state === 'failed' && !seen) Easel.toast(now.fault.message, { label: 'Look', act: open }, 60, 'alert');
      paint(now);
    };
    on('live', draw); draw();
    return node;
  }
  Easel.shareButton = button;
})();
