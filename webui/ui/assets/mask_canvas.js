/* The canvas for painting a mask over a photo: brush, eraser, move; mouse, pen, fingers, keys; and the frame that extends the photo.
   value = {photo: {id, width, height} | null, mask: id | "", painted: 0..1, extend: [left, top, right, bottom] in the photo's pixels}
   With a `palette` it is a board to sketch on in colours: what is sent is the photo with the paint, and props.made hears of it. */
(() => {
  const { h, icon, iconButton, on, emit, part, memory, announce, photos } = Easel;
  const SHAPES = {
    brush: 'M19.5 4.500c-4 1.500-8 5.500-10 8.500l2 2c3-2 7-6 8-10.500zM9 13.500c-2.500 0-3.500 1.800-3.500 4 0 1-.7 1.500-1.500 2 3.500 1 7 0 7-4z',
    eraser: 'M13.500 5.500l5.500 5.500-8 8H7l-3-3zM9 10l5.500 5.500M11 19h9', hand: 'M12 3v18M3 12h18M12 3l-2.500 2.500M12 3l2.500 2.500M12 21l-2.500-2.500M12 21l2.500-2.500M3 12l2.500-2.500M3 12l2.500 2.500M21 12l-2.500-2.500M21 12l-2.500 2.500',
    undo: 'M9 7H14.500a5 5 0 0 1 0 10H8M9 7l3.500-3.500M9 7l3.500 3.500', redo: 'M15 7H9.500a5 5 0 0 0 0 10H16M15 7l-3.500-3.500M15 7l-3.500 3.500',
    invert: 'M12 20.500a8.500 8.500 0 1 0 0-17 8.500 8.500 0 0 0 0 17zM12 3.500v17M12 7h5.500M12 10.500h8M12 14h8M12 17.500h5', extend: 'M8 8h8v8H8zM12 8V3.500m0 0L10 5.500m2-2l2 2M12 16v4.500m0 0l-2-2m2 2l2-2M8 12H3.500m0 0l2-2m-2 2l2 2M16 12h4.500m0 0l-2-2m2 2l-2 2',
    more: 'M5 12v.1M12 12v.1M19 12v.1', plus: 'M12 5v14M5 12h14', minus: 'M5 12h14', whole: 'M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5', mask: 'M4 5h16v14H4zM12 15.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7z',
  };
  function sign(name, size = 20) {
    const svg = icon('spark', size);
    svg.firstChild.setAttribute('d', SHAPES[name]); if (name === 'more') svg.setAttribute('stroke-width', 3);
    return svg;
  }
  const tool = (name, label, onclick, extra = {}) => h('button.ib', { 'aria-label': label, title: label, onclick, ...extra }, sign(name));
  const SIDES = ['left', 'top', 'right', 'bottom'];
  const typing = (target) => target && target.closest && target.closest('input:not([type=range]):not([type=file]), textarea, select, [contenteditable=true]');

  part('maskcanvas', ({ element, props }) => {
    const paints = !!props.palette, Surface = paints ? Easel.Paint : Easel.Mask;
    const key = props.desk, name = props.name, side = props.side || photos.SEND_SIDE, tell = photos.teller();
    let mask = null, photo = null, mode = 'brush', dirty = false, sent = '', sending = null, timer = 0, stripe = 8, wanted = null;
    let former = null, owed = null; /* what stood here while another photo is on its way; a remembered mask that has not come yet */
    let extend = [0, 0, 0, 0], extending = false;

    /* ---- what is seen ---- */
    const ground = h('canvas.ground', { role: 'img', 'aria-label': 'Your photo' }), ink = h('canvas.ink', { 'aria-hidden': 'true' });
    const groundContext = ground.getContext('2d'), inkContext = ink.getContext('2d', { willReadFrequently: true });
    const sheet = h('div.sheet', {}, ground, ink), frame = h('div.frame', { hidden: true, 'aria-hidden': 'true' }), ring = h('i.brushring', { hidden: true });
    const handles = SIDES.map((where, i) => h(`button.handle.${where}`, { role: 'slider', 'aria-label': `Extend ${where}`, 'aria-valuemin': 0, 'aria-orientation': i % 2 ? 'vertical' : 'horizontal', hidden: true }));
    const pane = h('div.pane', { tabindex: 0, role: 'application', 'aria-label': paints ? 'Sketch here in colors' : 'Paint here what should change', 'aria-describedby': key + '-canvas-help' }, frame, sheet, ...handles, ring);
    const help = h('p.sr', { id: key + '-canvas-help' }, 'Arrow keys move the brush, Enter lowers and lifts it, B brush, E eraser, brackets change its size, Control Z undoes, plus and minus zoom.');
    const canvas = h('section.maskcanvas', { 'aria-label': paints ? 'Color sketch' : 'Photo and mask', 'data-state': 'empty', 'data-mode': mode });
    const view = new Easel.View(pane, () => content(), (scale, x, y) => place(scale, x, y));
    const ways = paints ? {} : photos.chooser(canvas, key, (file) => source.file(file));
    const maskInput = h('input.sr', { type: 'file', accept: 'image/*', tabindex: '-1', 'aria-label': 'Mask from a file', 'data-input': 'mask' });
    const empty = photos.well(props.title || 'Change a part of a photo', props.text || '', ways);

    /* ---- tools ---- */
    const modes = ['brush', 'eraser', 'hand'].map((m) => h('button.mode', { 'data-mode': m, title: { brush: 'Brush (B)', eraser: 'Eraser (E)', hand: 'Move the photo (hold Space)' }[m], onclick: () => setMode(m) },
      sign(m), h('span', {}, { brush: 'Brush', eraser: 'Eraser', hand: 'Move' }[m])));
    const size = h('input.brushsize', { type: 'range', min: 1, max: 100, step: 1, 'aria-label': 'Brush size', value: memory.read('brush', matchMedia('(pointer: coarse)').matches ? 46 : 38) });
    const undo = tool('undo', 'Undo', () => step('undo')), redo = tool('redo', 'Redo', () => step('redo'));
    const clear = iconButton('bin', paints ? 'Clear the paint' : 'Clear the mask', () => whole(() => 0, paints ? 'The paint is gone.' : 'The mask is empty.')), invert = tool('invert', 'Invert the mask', () => whole((v) => !v, 'Inverted.'));
    const grow = tool('extend', 'Extend the photo', () => setExtending(!extending), { 'aria-expanded': 'false' });
    const subject = h('button.mode.subject', { onclick: select, 'aria-label': 'Select the subject', title: 'Select the subject' }, icon('subject', 20), h('span', {}, 'Subject'));
    const closer = tool('plus', 'Zoom in', () => view.middle(1.5)), further = tool('minus', 'Zoom out', () => view.middle(1 / 1.5)), fitAll = tool('whole', 'Show the whole photo', () => view.fit());
    const moreButton = tool('more', 'More', () => menu(!moreBox.hidden), { 'aria-expanded': 'false', 'aria-haspopup': 'true' });
    const moreBox = h('div.moremenu', { role: 'group', 'aria-label': 'More', hidden: true },
      h('button', { onclick: () => { menu(true); ways.choose(); } }, icon('image', 18), 'Another photo'),
      h('button', { onclick: () => { menu(true); maskInput.click(); } }, sign('mask', 18), 'Mask from a file'),
      h('button', { onclick: () => { menu(true); saveMask(); } }, icon('download', 18), 'Save the mask'),
      h('button', { onclick: () => { menu(true); if (photo) Easel.picture.cutOut(photo.id); } }, icon('cut', 18), 'Cut out the subject'),
      h('button', { onclick: () => { menu(true); remove(); } }, icon('bin', 18), 'Remove the photo'));
    const menu = (close) => { moreBox.hidden = close; moreButton.setAttribute('aria-expanded', !close); if (!close) moreBox.querySelector('button').focus(); };
    const extendRow = h('div.extendrow', { role: 'group', 'aria-label': 'Extend the photo', hidden: true }, h('span.cap', {}, 'Add more picture'),
      SIDES.map((where, i) => h('button.btn', { onclick: () => pull(i, step8(0.25 * (i % 2 ? photo.height : photo.width)) + extend[i]), 'aria-label': `Extend to the ${where}` }, { left: '← Left', top: '↑ Top', right: 'Right →', bottom: 'Bottom ↓' }[where])),
      h('button.btn', { onclick: () => { extend = [0, 0, 0, 0]; extended(); } }, 'None'), h('span.extendsize', { role: 'status' }));
    const tools = h('div.masktools', { role: 'toolbar', 'aria-label': 'Painting', hidden: true },
      h('div.modes', {}, modes), h('label.sizebox', {}, h('i.dot.small', { 'aria-hidden': 'true' }), size, h('i.dot', { 'aria-hidden': 'true' })),
      h('div.steps', {}, undo, redo, paints ? '' : invert, clear), h('div.looks', {}, further, fitAll, closer),
      paints ? h('div.extras', {}, h('button.btn.main', { onclick: () => { flush().catch(Easel.trouble); props.close(); } }, 'Done')) : h('div.extras', {}, subject, grow, h('div.holder', {}, moreButton, moreBox)));
    const palette = paints ? Easel.palette((colour, by) => { if (mask) mask.colour = colour; ink.dataset.colour = colour; if (by) setMode('brush'); }) : '';
    const work = h('div.work', { hidden: true }, pane, palette, tools, extendRow);
    canvas.append(help, empty, work, tell.busy, tell.fault); if (!paints) canvas.append(maskInput);
    element.replaceChildren(canvas);

    /* ---- the photo ---- */
    const arrives = {
      whole: true, tell,
      show(decoded, known) {
        const drawn = photos.shrink(decoded, side);
        if (photo && !paints) former = { photo, mask, sent, extend, owed, dirty: dirty || !!sending, drawn: photos.copyOf(ground) };
        /* The mask stays on its photo, and on what was made of it. */
        const same = known && mask && !wanted && former && [known.id, known.from].includes(former.photo.id) && mask.width === drawn.width && mask.height === drawn.height;
        if (!same) { mask = new Surface(drawn.width, drawn.height); if (paints) mask.colour = Number(ink.dataset.colour); sent = ''; dirty = false; owed = null; }
        const other = photo && !same;
        photo = null; extend = [0, 0, 0, 0]; setExtending(false); canvas.dataset.state = 'loading'; if (other) emit('fresh:' + key);
        lay(drawn);
      },
      ready(known) {
        photo = { id: known.id, width: known.width, height: known.height }; former = null; canvas.dataset.photo = photo.id;
        const value = wanted && wanted.photo.id === photo.id ? wanted : null;
        emit('notice:' + key, null); wanted = null; dirty ||= paints && !photo.id;
        if (value && Array.isArray(value.extend) && value.extend.some(Boolean)) { extend = value.extend.map((n) => Math.max(0, Number(n) || 0)); setExtending(true); extended(); }
        if (value && value.mask) { owed = value; collect(); } else settle();
      },
      /** The photo before stands again; where there was none, what is remembered is forgotten only if the server has it no more. */
      lost(gone) {
        if (former) { const { drawn } = former; ({ photo, mask, sent, extend, owed, dirty } = former); former = wanted = null; lay(drawn); settle(); if (extend.some(Boolean)) extended(); if (owed) collect(); }
        else if (!photo) reset(gone);
      },
    };
    const source = photos.intake(arrives);
    /** Puts a picture under the mask. */
    function lay(drawn) {
      for (const c of [ground, ink]) { c.width = drawn.width; c.height = drawn.height; }
      groundContext.drawImage(drawn, 0, 0);
      stripe = Math.max(2, Math.round(Math.max(drawn.width, drawn.height) / 110));
      empty.hidden = true; work.hidden = tools.hidden = false;
      pane.style.setProperty('--ratio', drawn.width / drawn.height);
      repaint(); view.fitted = true; view.fit(); share();
    }
    function settle() { canvas.dataset.state = 'ready'; share(); schedule(); if (awaited) extendTo(awaited.target, awaited.sides); }
    /** Fetches the mask that is owed. What was painted while it came stays on it. */
    async function collect() {
      const mine = mask, value = owed;
      canvas.dataset.state = 'loading';
      try {
        const known = await photos.fetchPreview(value.mask, 0);
        if (mine === mask) { const strokes = dirty && mask.data.slice(); mask.read(known.source); if (strokes) mask.remake((v, i) => v || strokes[i]); else canvas.dataset.sent = mask.painted; sent = value.mask; owed = null; repaint(); }
        known.close();
      } catch (error) {
        if (mine === mask && error.status === 404) owed = null; /* it is gone: paint anew */
        else if (mine === mask) tell.fail('The mask could not be fetched.', () => { if (mine === mask && owed) collect(); });
      }
      if (mine === mask) settle();
    }
    on('line', (up) => { if (up && owed && canvas.dataset.state === 'ready') { tell.hush(); collect(); } });
    const remove = () => { source.cancel(); reset(); emit('fresh:' + key); };
    function reset(forget = true) {
      photo = mask = former = owed = null; extend = [0, 0, 0, 0]; sent = ''; dirty = false; setExtending(false);
      empty.hidden = false; work.hidden = tools.hidden = true; canvas.dataset.state = 'empty'; canvas.dataset.photo = ''; share(forget);
    }
    let settled = false;
    const share = (remember = true) => {
      const { mask: id, painted } = owed || { mask: mask && mask.painted ? sent : '', painted: mask ? mask.painted / mask.data.length : 0 };
      props.value = photo ? { photo, mask: id, painted, extend: extend.slice() } : null;
      if (!paints && settled && remember && canvas.dataset.state !== 'loading') Easel.changed(key, name, props.value);
      canvas.dataset.painted = mask ? mask.painted : 0;
      undo.disabled = !mask || !mask.past.length; redo.disabled = !mask || !mask.future.length; clear.disabled = !mask || !(mask.painted || owed);
    };

    /* ---- sending the mask: a moment after the last stroke, and at once when it is needed ---- */
    function changed() { dirty = true; if (canvas.dataset.state === 'ready') owed = null; emit('notice:' + key, null); share(); schedule(); }
    /* What could not be sent is sent later, less and less often; at once when the line is back or the page is left. */
    const due = () => dirty && photo && canvas.dataset.state !== 'loading';
    function schedule(wait = 1200) { clearTimeout(timer); if (due()) timer = setTimeout(() => flush().catch(() => schedule(Math.min(4 * wait, 120000))), wait); }
    on('line', (up) => { if (up) schedule(); });
    document.addEventListener('visibilitychange', () => { if (document.hidden && due()) flush().catch(() => schedule()); });
    async function flush() {
      clearTimeout(timer);
      if (sending) { await sending; return flush(); }
      if (!dirty || !mask) return;
      dirty = false;
      if (!mask.painted && !(paints && !photo.id)) { sent = paints ? photo.id : ''; share(); if (paints) props.made(photo); return; }
      const mine = mask, count = mask.painted;
      sending = (async () => {
        const known = paints ? await photos.send(await new Promise((done) => picture().toBlob(done, 'image/png')), 'sketch.png') : await photos.send(await mine.png(), 'mask.png', undefined, null, 'mask');
        if (mine === mask) { sent = known.id; canvas.dataset.sent = count; share(); if (paints) props.made(known); }
      })();
      try { await sending; } catch (error) { dirty = true; throw error; } finally { sending = null; }
      return flush();
    }
    /** Nothing is drawn from a mask that is still on its way: the click waits for it, then happens. */
    let passing = false, pending = false;
    addEventListener('click', async (event) => {
      const go = event.target.closest && event.target.closest(`#${key}-go, #${key}-tries .btn`);
      if (!go || passing) return;
      const coming = source.busy() || canvas.dataset.state === 'loading';
      if (!coming && !dirty && !sending) return;
      event.preventDefault(); event.stopImmediatePropagation();
      if (coming) { Easel.toast('The photo is still on its way. A moment.'); return; }
      if (pending) return;
      pending = true; tell.say(paints ? 'Sending the sketch…' : 'Sending the mask…');
      let fault = null;
      try { await flush(); } catch (error) { fault = error; }
      pending = false; tell.say('');
      if (fault) { tell.fail(fault.message); if (!canvas.offsetParent) Easel.toast(fault.message, null, 8, 'alert'); return; }
      passing = true; go.click(); passing = false;
    }, true);

    /* ---- drawing what is there ---- */
    const all = () => [0, 0, mask.width - 1, mask.height - 1];
    const repaint = (box = null) => { if (mask) mask.draw(inkContext, box || all(), stripe); };
    const ratio = () => (photo ? ground.width / photo.width : 1);
    function content() {
      const k = ratio(), [l, t, r, b] = extend.map((n) => n * k), room = extending ? 0.16 * Math.max(ground.width, ground.height) : 0;
      return { x: -l - room, y: -t - room, w: ground.width + l + r + 2 * room, h: ground.height + t + b + 2 * room };
    }
    function place(scale, x, y) {
      sheet.style.width = ground.width * scale + 'px'; sheet.style.height = ground.height * scale + 'px';
      sheet.style.transform = `translate(${x}px, ${y}px)`;
      sheet.classList.toggle('pixels', scale * devicePixelRatio > 3);
      const k = ratio() * scale, [l, t, r, b] = extend.map((n) => n * k), W = ground.width * scale, H = ground.height * scale;
      Object.assign(frame.style, { left: x - l + 'px', top: y - t + 'px', width: W + l + r + 'px', height: H + t + b + 'px' });
      const spots = [[x - l, y + (H + b - t) / 2], [x + (W + r - l) / 2, y - t], [x + W + r, y + (H + b - t) / 2], [x + (W + r - l) / 2, y + H + b]];
      handles.forEach((handle, i) => { handle.style.transform = `translate(${spots[i][0]}px, ${spots[i][1]}px) translate(-50%, -50%)`; });
      further.disabled = view.zoom <= 1.01; fitAll.disabled = view.zoom <= 1.01; canvas.dataset.zoom = view.zoom.toFixed(2);
      drawRing();
    }
    new ResizeObserver(() => { if (mask && pane.clientWidth) view.refit(); }).observe(pane);

    /* ---- brush ---- */
    const radius = () => Math.max(1, (0.003 + 0.16 * (size.value / 100) ** 2) * Math.min(ground.width, ground.height));
    let at = null, keyed = false, seenBy = 'mouse';
    function drawRing() {
      const dot = 4 + 18 * (size.value / 100); size.parentNode.style.setProperty('--dot', dot + 'px'); size.style.setProperty('--fill', size.value + '%');
      ring.hidden = !at || mode === 'hand' || (seenBy === 'touch' && !drawing);
      if (ring.hidden || !mask) return;
      const d = 2 * radius() * view.scale;
      Object.assign(ring.style, { width: d + 'px', height: d + 'px', transform: `translate(${at[0] * view.scale + view.x}px, ${at[1] * view.scale + view.y}px) translate(-50%, -50%)` });
      ring.classList.toggle('down', keyed || !!drawing);
    }
    size.oninput = () => { memory.write('brush', Number(size.value)); if (mask) { const [w, hh] = view.size(); if (!at) { at = view.point(w / 2, hh / 2); } seenBy = 'mouse'; drawRing(); } };
    const resize = (by) => { size.value = Math.min(100, Math.max(1, Number(size.value) + by)); size.oninput(); announce(`Brush size ${size.value}`); };
    function setMode(next) {
      mode = next; canvas.dataset.mode = next; lift();
      modes.forEach((b) => b.setAttribute('aria-pressed', b.dataset.mode === next)); drawRing();
    }
    function whole(fn, said) { if (!mask) return; lift(); mask.begin(); mask.remake(fn); mask.end(); repaint(); changed(); announce(said); }
    function step(which) { if (!mask) return; lift(); const box = mask[which](); if (box) { repaint(box); changed(); announce(which === 'undo' ? 'Undone.' : 'Done again.'); } }
    maskInput.onchange = async () => {
      const file = maskInput.files[0]; maskInput.value = '';
      if (!file || !mask) return;
      const decoded = await photos.decode(file);
      if (!decoded) { tell.fail('This mask could not be read. A black and white PNG works best.'); return; }
      mask.begin(); mask.read(decoded.source); mask.end(); decoded.close(); repaint(); changed(); announce('The mask is on the photo.');
    };
    /** What the photo is of, found by the server, becomes the mask. */
    async function select() {
      if (!photo || subject.disabled) return;
      const mine = photo;
      lift(); tell.hush(); tell.say('Looking for the subject…'); subject.disabled = true; announce('Looking for the subject.');
      try {
        const known = await Easel.post(`/photos/${encodeURIComponent(mine.id)}/subject`), found = await photos.fetchPreview(known.id, side);
        if (mine !== photo) return;
        finish(); mask.begin(); mask.read(found.source); found.close();
        const some = mask.painted > 0 || mask.abandon();
        if (some !== true) { tell.fail('Nothing stands out in this photo. Paint over it by hand.'); return; }
        mask.end(); repaint(); changed(); announce('The subject is selected.');
      } catch (error) { if (mine === photo) tell.fail([error.message, error.fault && error.fault.hint].filter(Boolean).join(' ')); }
      finally { subject.disabled = false; if (mine === photo) tell.say(''); }
    }
    /** The photo with the paint on it. */
    function picture() {
      const both = h('canvas'); both.width = ground.width; both.height = ground.height;
      const context = both.getContext('2d'); context.drawImage(ground, 0, 0); context.drawImage(ink, 0, 0);
      return both;
    }
    async function saveMask() { const link = h('a', { href: URL.createObjectURL(await mask.png()), download: 'mask.png' }); link.click(); setTimeout(() => URL.revokeObjectURL(link.href), 1000); }

    /* ---- fingers, pen, mouse ---- */
    const pointers = new Map();
    let drawing = null, gesture = null, panning = null, space = false;
    const local = (event) => { const r = pane.getBoundingClientRect(); return [event.clientX - r.left - pane.clientLeft, event.clientY - r.top - pane.clientTop]; };
    function dab(to) { repaint(mask.stroke(drawing.last[0], drawing.last[1], to[0], to[1], radius(), mode === 'brush')); drawing.path += Math.hypot(to[0] - drawing.last[0], to[1] - drawing.last[1]) * view.scale; drawing.last = to; }
    function finish(keep = true) {
      if (!drawing) return;
      drawing = null;
      if (keep) { if (mask.end()) changed(); } else { const box = mask.abandon(); if (box) repaint(box); }
    }
    let before = null;
    pane.addEventListener('pointerdown', (event) => {
      if (!mask || event.target.closest('.handle')) return;
      menu(true); seenBy = event.pointerType; lift();
      if (event.button > 1) return;
      event.preventDefault(); pane.classList.add('bypointer'); pane.focus({ preventScroll: true });
      try { pane.setPointerCapture(event.pointerId); } catch { /* it has gone already */ }
      const spot = local(event);
      pointers.set(event.pointerId, spot);
      if (event.pointerType === 'touch' && pointers.size === 2) {
        // The first finger of a pinch is no stroke: a young one is taken back, a long one stays.
        finish(!!drawing && (performance.now() - drawing.since > 400 || drawing.path > 60));
        panning = null; gesture = pinch(); return;
      }
      if (gesture || pointers.size > 1) return;
      if (mode === 'hand' || space || event.button === 1) { panning = spot; canvas.classList.add('grabbing'); return; }
      const point = view.point(...spot);
      mask.begin(); drawing = { last: event.shiftKey && before ? before : point, since: performance.now(), path: 0 };
      dab(point); at = point; drawRing();
    });
    const pinch = () => { const [a, b] = [...pointers.values()]; return { x: (a[0] + b[0]) / 2, y: (a[1] + b[1]) / 2, far: Math.hypot(a[0] - b[0], a[1] - b[1]) || 1 }; };
    pane.addEventListener('pointermove', (event) => {
      if (!mask) return;
      const spot = local(event);
      if (pointers.has(event.pointerId)) pointers.set(event.pointerId, spot);
      if (gesture) { if (pointers.size < 2) return; const now = pinch(); view.move(now.x - gesture.x, now.y - gesture.y); view.by(now.far / gesture.far, now.x, now.y); gesture = now; return; }
      if (panning) { view.move(spot[0] - panning[0], spot[1] - panning[1]); panning = spot; return; }
      if (event.target.closest('.handle') && !drawing) { at = null; drawRing(); return; }
      seenBy = event.pointerType; if (!keyed) at = view.point(...spot);
      if (drawing) { const all = event.getCoalescedEvents ? event.getCoalescedEvents() : []; for (const e of all.length ? all : [event]) dab(view.point(...local(e))); }
      drawRing();
    });
    const up = (event) => {
      if (!pointers.delete(event.pointerId)) return;
      if (gesture) { if (!pointers.size) gesture = null; return; }
      if (panning) { panning = null; canvas.classList.remove('grabbing'); return; }
      if (drawing) { before = drawing.last; finish(); }
      drawRing();
    };
    pane.addEventListener('pointerup', up); pane.addEventListener('pointercancel', up); pane.addEventListener('lostpointercapture', up);
    pane.addEventListener('pointerleave', () => { if (!keyed && !drawing) { at = null; drawRing(); } });
    pane.addEventListener('contextmenu', (event) => event.preventDefault());
    pane.addEventListener('auxclick', (event) => event.preventDefault());
    pane.addEventListener('wheel', (event) => {
      if (!mask || (event.deltaY > 0 && view.zoom <= 1.01 && !event.ctrlKey)) return;  // at rest the wheel scrolls the page on
      event.preventDefault();
      const unit = event.deltaMode === 1 ? 30 : event.deltaMode === 2 ? 300 : 1;
      view.by(Math.exp(-event.deltaY * unit * (event.ctrlKey ? 0.01 : 0.0016)), ...local(event));
    }, { passive: false });

    /* ---- keys ---- */
    const visible = () => element.isConnected && element.offsetParent !== null && !document.querySelector('dialog[open]');
    function lift() { if (keyed) { keyed = false; finish(); drawRing(); } }
    function walk(dx, dy, far) {
      const stride = (far ? 40 : 8) / view.scale;
      if (!at) { const [w, hh] = view.size(); at = view.point(w / 2, hh / 2); }
      at = [Math.min(ground.width, Math.max(0, at[0] + dx * stride)), Math.min(ground.height, Math.max(0, at[1] + dy * stride))];
      seenBy = 'keys'; if (drawing) dab(at); drawRing();
    }
    document.addEventListener('keydown', (event) => {
      if (!mask || !visible() || typing(event.target)) return;
      const onPane = document.activeElement === pane, command = event.ctrlKey || event.metaKey, k = event.key.toLowerCase();
      const does = (fn) => { event.preventDefault(); fn(); };
      if (command && k === 'z') return does(() => step(event.shiftKey ? 'redo' : 'undo'));
      if (command && k === 'y') return does(() => step('redo'));
      if (command || event.altKey) return;
      if (k === 'b') return does(() => setMode('brush'));
      if (k === 'e') return does(() => setMode('eraser'));
      if (k === 'h') return does(() => setMode('hand'));
      if (k === '[') return does(() => resize(-4));
      if (k === ']') return does(() => resize(4));
      if (!onPane && event.target !== document.body) return;
      if (k === ' ' && (onPane || pane.matches(':hover'))) return does(() => { space = true; canvas.classList.add('grab'); });
      if (!onPane) return;
      if (k === '+' || k === '=') return does(() => view.middle(1.25));
      if (k === '-') return does(() => view.middle(0.8));
      if (k === '0') return does(() => view.fit());
      if (k === 'i' && !paints) return does(() => whole((v) => !v, 'Inverted.'));
      if (k === 'enter') return does(() => { if (keyed) { lift(); announce('Brush up.'); return; } if (mode === 'hand') return; walk(0, 0); mask.begin(); drawing = { last: at, since: 0, path: 0 }; keyed = true; dab(at); drawRing(); announce('Brush down.'); });
      if (k === 'escape') return lift();
      const way = { arrowleft: [-1, 0], arrowright: [1, 0], arrowup: [0, -1], arrowdown: [0, 1] }[k];
      if (way) does(() => (mode === 'hand' ? view.move(-way[0] * 40, -way[1] * 40) : walk(way[0], way[1], event.shiftKey)));
    });
    document.addEventListener('keyup', (event) => { if (event.key === ' ') { space = false; canvas.classList.remove('grab'); } });
    document.addEventListener('click', (event) => { if (!moreBox.hidden && !event.target.closest('.holder')) menu(true); });
    moreBox.addEventListener('keydown', (event) => { if (event.key === 'Escape') { menu(true); moreButton.focus(); } });
    pane.addEventListener('blur', lift); pane.addEventListener('keydown', (event) => { if (event.key !== ' ') pane.classList.remove('bypointer'); });

    /* ---- the frame ---- */
    const step8 = (n) => Math.round(n / 8) * 8;
    const most = (i) => 2 * (i % 2 ? photo.height : photo.width);
    function setExtending(state) {
      extending = state && !!photo; pane.classList.toggle('extending', extending);
      grow.setAttribute('aria-expanded', extending); extendRow.hidden = !extending;
      handles.forEach((handle) => { handle.hidden = !extending; }); frame.hidden = !extending && !extend.some(Boolean);
      if (mask) { view.fitted = true; requestAnimationFrame(() => view.refit()); }
    }
    function extended(refit = true) {
      frame.hidden = !extending && !extend.some(Boolean);
      const total = [photo.width + extend[0] + extend[2], photo.height + extend[1] + extend[3]];
      extendRow.querySelector('.extendsize').textContent = extend.some(Boolean) ? `${total[0]} × ${total[1]}` : '';
      handles.forEach((handle, i) => { handle.setAttribute('aria-valuenow', extend[i]); handle.setAttribute('aria-valuemax', most(i)); handle.setAttribute('aria-valuetext', `${extend[i]} pixels`); });
      if (refit) view.fit(); else place(view.scale, view.x, view.y);
      share();
    }
    function pull(i, amount, refit = true) { extend[i] = Math.min(most(i), Math.max(0, step8(amount))); extended(refit); }
    handles.forEach((handle, i) => {
      let from = null;
      const sign8 = i < 2 ? -1 : 1;
      handle.addEventListener('pointerdown', (event) => { event.preventDefault(); event.stopPropagation(); handle.setPointerCapture(event.pointerId); from = [i % 2 ? event.clientY : event.clientX, extend[i]]; handle.focus({ preventScroll: true }); });
      handle.addEventListener('pointermove', (event) => { if (from) pull(i, from[1] + (sign8 * ((i % 2 ? event.clientY : event.clientX) - from[0])) / (view.scale * ratio()), false); });
      const done = () => { if (from) { from = null; view.fit(); } };
      handle.addEventListener('pointerup', done); handle.addEventListener('pointercancel', done);
      handle.addEventListener('keydown', (event) => {
        const way = { ArrowLeft: i === 0 ? 1 : -1, ArrowRight: i === 0 ? -1 : 1, ArrowUp: i === 1 ? 1 : i === 3 ? -1 : 1, ArrowDown: i === 1 ? -1 : i === 3 ? 1 : -1 }[event.key];
        if (!way) return;
        event.preventDefault(); event.stopPropagation(); pull(i, extend[i] + way * (event.shiftKey ? 64 : 16));
      });
    });

    /* ---- the desk ---- */
    if (!paints) photos.listen(canvas, (file) => source.file(file));
    /** Opens the frame, with the ratio [w, h] if one is wanted, or with so many pixels a side; before there is a photo it waits for one. */
    let awaited = null;
    function extendTo(target, sides) {
      if (!photo) { awaited = !sides || sides.some(Boolean) ? { target, sides } : null; return; }
      awaited = null; setExtending(!sides || sides.some(Boolean)); if (extending) pane.scrollIntoView({ block: 'nearest' });
      if (sides) extend = sides.map((n, i) => Math.min(most(i), n));
      if (target) {
        const wide = Math.max(0, Math.ceil((photo.height * target[0]) / target[1]) - photo.width), high = Math.max(0, Math.ceil((photo.width * target[1]) / target[0]) - photo.height);
        extend = [wide >> 1, high >> 1, wide - (wide >> 1), high - (high >> 1)];
      }
      extended();
    }
    setMode('brush'); share(); settled = true;
    /* The paint says what changes, or with the mask turned round what does not. */
    const turned = (rest) => { const what = `what should ${rest ? 'stay' : 'change'}`; pane.dataset.hint = 'Paint over ' + what; pane.setAttribute('aria-label', 'Paint here ' + what); };
    if (!paints) { turned(Easel.fieldValue(key, 'invert')); on(`field:${key}:invert`, turned); }
    if (paints) {
      /* begin: a picture on a canvas, and what the server calls it ('' = not there yet); resume: was it sent under this id? */
      props.board = { picture, drop: reset, resume: (id) => !!mask && (sent === id || dirty || !!sending), begin(drawn, id) { arrives.show({ source: drawn, width: drawn.width, height: drawn.height }, null); arrives.ready({ id, width: ground.width, height: ground.height }); pane.focus({ preventScroll: true }); pane.classList.add('bypointer'); } };
      return;
    }
    on('extend:' + key, (target) => extendTo(target));
    /* How far a picture's photo was extended, when the photo itself is not here: it holds for the one on the canvas, or the next. */
    Easel.desk(key).fields.set('extend', { get: () => extend.slice(), set(v) { if (Array.isArray(v) && v.length === SIDES.length) extendTo(null, v.map((n) => Math.max(0, Number(n) || 0))); } });
    photos.keep(key, name, {
      get: () => props.value,
      set(v) { if (v && v.photo && v.photo.id) { wanted = v; source.known(v.photo); } else if (v === null) remove(); },
    });
    photos.onward(key, (given) => {
      wanted = null;
      source.known({ ...given, from: Easel.get(`/pictures/${encodeURIComponent(given.id)}`).then((made) => made.recipe.init_image, () => '') });
    });
  });
})();
