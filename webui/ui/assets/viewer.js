/* One picture large, and everything that can be done with it; used by the stage and the gallery alike. */
(() => {
  const { h, icon, iconButton, reach, get, post, toast, toFront, trouble, copy, on, emit } = Easel;
  const SLICE = 500;

  /** Sends the ids, no more at a time than the server takes; resolves to how many it has heard of. */
  async function told(path, ids) {
    let done = 0;
    try { for (; done < ids.length; done += SLICE) await post(path, { ids: ids.slice(done, done + SLICE) }); } catch (error) { trouble(error); }
    return Math.min(done, ids.length);
  }

  /* Deleting hides at once and can be taken back for ten seconds. */
  const gone = new Set();
  async function remove(ids) {
    ids.forEach((id) => gone.add(id));
    emit('pictures', { deleted: ids });
    const back = (some) => { if (some.length) { some.forEach((id) => gone.delete(id)); emit('pictures', { restored: some }); } };
    const deleted = await told('/pictures/delete', ids);
    back(ids.slice(deleted));
    if (deleted) toast(deleted === 1 ? 'Picture deleted' : `${deleted} pictures deleted`, { label: 'Undo', async act() { back(ids.slice(0, await told('/pictures/restore', ids.slice(0, deleted)))); } }, 10);
  }
  async function favourite(picture, on) {
    picture.favourite = on; emit('pictures', { changed: picture });
    try { await post(`/pictures/${picture.id}/favourite`, { on }); } catch (error) { picture.favourite = !on; emit('pictures', { changed: picture }); trouble(error); }
  }
  function fetchAs(href, name = '') { const link = h('a', { href, download: name }); document.body.append(link); link.click(); link.remove(); }
  /** Several come as one archive: a browser asks before it takes many files. */
  const downloadAll = (pictures) => (pictures.length === 1 ? download(pictures[0]) : fetchAs('/pictures.zip?ids=' + pictures.map((p) => p.id).join()));
  const download = (picture, plain = false) => fetchAs(`/img/${picture.id}?download=1${plain ? '&plain=1' : ''}`);

  /** The subject of a picture or photo as a see-through PNG. Takes seconds; `button` waits meanwhile. */
  async function cutOut(id, button) {
    if (button) { button.disabled = true; button.setAttribute('aria-busy', 'true'); }
    const done = toast('Cutting out the subject…', null, 0);
    try {
      const answer = await reach(`/photos/${encodeURIComponent(id)}/cutout`);
      if (!answer.ok) throw new Error(((await answer.json().catch(() => ({}))).error || {}).message || 'That did not work.');
      const url = URL.createObjectURL(await answer.blob()), named = /filename="([^"]+)"/.exec(answer.headers.get('Content-Disposition') || '');
      fetchAs(url, Easel.photos.names.has(id) ? Easel.photos.names.get(id) + '-cutout.png' : named ? named[1] : 'cutout.png'); setTimeout(() => URL.revokeObjectURL(url), 60000);
    } catch (error) { trouble(error); } finally { done(); if (button) { button.disabled = false; button.removeAttribute('aria-busy'); } }
  }
  const heart = (picture) => {
    const button = iconButton('heart', 'Favorite', () => { favourite(picture, !picture.favourite); mark(); });
    const mark = () => { button.setAttribute('aria-pressed', !!picture.favourite); };
    mark();
    return button;
  };

  function dialog(className, label) {
    const box = h('dialog.' + className, { 'aria-label': label });
    box.addEventListener('close', () => { toFront(); box.remove(); });
    box.addEventListener('click', (event) => { if (event.target === box) box.close(); });
    document.body.append(box); box.showModal(); toFront();
    const close = box.close.bind(box), gone = Easel.over(close);
    box.close = () => { gone(); close(); };
    box.addEventListener('close', gone); /* closed by the Escape key, or by a phone that knows what a dialog is */
    return box;
  }

  /* All settings of a picture, to read and to copy. */
  async function info(id) {
    let full;
    try { full = await get('/pictures/' + id); } catch (error) { trouble(error); return; }
    const recipe = full.recipe || {}, made = new Date(full.created * 1000);
    const rows = [['Prompt', full.prompt], ['Negative prompt', full.negative_prompt], ['Style', full.style], ['Model', full.model], ['Size', `${full.width} × ${full.height}`],
      ['Steps', recipe.steps], ['Guidance', recipe.guidance_scale], ['Sampler', recipe.sampler], ['Seed', full.seed],
      ['LoRA', (recipe.loras || []).map((l) => `${l.id} (${l.weight})`).join(', ')], ['Made', made.toLocaleString()]]
      .filter(([, v]) => v !== undefined && v !== null && v !== '');
    const box = dialog('sheet', 'About this picture');
    box.append(h('header', {}, h('h2', {}, 'About this picture'), iconButton('close', 'Close', () => box.close())),
      h('dl', {}, rows.map(([k, v]) => [h('dt', {}, k), h('dd', { dir: 'auto' }, String(v))])),
      h('footer', {}, full.infotext && h('button.btn', { onclick: () => copy(full.infotext, 'Settings copied') }, icon('copy', 18), 'Copy settings'),
        h('button.btn', { onclick: () => copy(full.prompt, 'Prompt copied') }, icon('copy', 18), 'Copy prompt'),
        h('button.btn', { onclick: () => download(full, true), title: 'The same picture with nothing written in it' }, icon('download', 18), 'Download without the prompt'),
        h('button.btn', { onclick: (event) => cutOut(full.id, event.currentTarget), title: 'The subject alone, see-through around it' }, icon('cut', 18), 'Cut out')));
  }

  /* Full screen. `list` is a live array that its owner changes in place; `more` may lengthen it near its end. */
  function view(list, id, { more = null, use = null } = {}) {
    let at = Math.max(0, list.findIndex((p) => p.id === id));
    const box = dialog('viewer', 'Picture, full screen');
    box.tabIndex = -1; /* takes the focus when the button that had it goes away, so that the keys go on working */
    const image = h('img', { alt: '' }), words = h('p', { dir: 'auto' }), count = h('span.count'), tools = h('div.tools');
    const find = () => { const now = list.findIndex((p) => p.id === box.dataset.id); if (now >= 0) at = now; return now >= 0; };
    const move = (step) => { find(); const next = at + step; if (next < 0 || next >= list.length) return; at = next; show(); if (more && at > list.length - 6) more(); };
    const removed = new Map();
    function drop(picture) {
      find(); removed.set(picture.id, { picture, at });
      if (list.length === 1) box.close();
      remove([picture.id]);
      if (!box.open) return;
      if (list[at]?.id === picture.id) list.splice(at, 1);
      at = Math.min(at, list.length - 1); show();
    }
    /* Undone while one looks: the picture is back at its place, and seen. */
    box.addEventListener('close', on('pictures', ({ restored }) => {
      const id = (restored || []).find((one) => removed.has(one)), was = removed.get(id);
      if (!was) return;
      if (!list.some((p) => p.id === id)) list.splice(Math.min(was.at, list.length), 0, was.picture);
      box.dataset.id = id; find(); show();
    }));
    const previous = iconButton('left', 'Previous picture', () => move(-1)), next = iconButton('right', 'Next picture', () => move(1));
    previous.classList.add('side'); next.classList.add('side');
    function show() {
      const picture = list[at], held = tools.contains(document.activeElement) && document.activeElement.getAttribute('aria-label');
      if (!picture) { box.close(); return; }
      image.src = picture.src; image.alt = picture.prompt; image.style.setProperty('--ratio', picture.width / picture.height);
      box.dataset.id = picture.id;
      words.textContent = picture.prompt; count.textContent = list.length > 1 ? `${at + 1} / ${list.length}` : '';
      previous.disabled = at === 0; next.disabled = at === list.length - 1;
      tools.replaceChildren(count, use ? h('button.btn', { 'aria-label': 'Use these settings', title: 'Use these settings', onclick: () => { box.close(); use(picture); } }, icon('use', 18), h('span', {}, 'Use these settings')) : '',
        iconButton('download', 'Download', () => download(picture)), heart(picture), iconButton('info', 'Info', () => info(picture.id)),
        iconButton('bin', 'Delete', () => drop(picture)),
        iconButton('close', 'Close', () => box.close()));
      if (held) tools.querySelector(`[aria-label="${held}"]`)?.focus();
      if (!box.contains(document.activeElement) || document.activeElement.disabled) box.focus();
      [at - 1, at + 1].forEach((i) => { if (list[i]) new Image().src = list[i].src; });
    }
    box.addEventListener('keydown', (event) => { if (['Delete', 'Backspace'].includes(event.key) && !event.repeat) { event.preventDefault(); drop(list[at]); } });
    box.addEventListener('keydown', (event) => { const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key]; if (step) { event.preventDefault(); move(step); } });
    const paper = h('div.paper', { onclick: (event) => { if (event.target === event.currentTarget) box.close(); } }, image);
    let startX = null;
    paper.addEventListener('pointerdown', (event) => { startX = event.pointerType === 'touch' && event.isPrimary && !paper.classList.contains('near') ? event.clientX : null; });
    paper.addEventListener('pointerup', (event) => { if (startX !== null && Math.abs(event.clientX - startX) > 60) move(event.clientX < startX ? 1 : -1); startX = null; });
    /* Whoever has zoomed in with two fingers moves about in the picture. */
    const zoomed = () => paper.classList.toggle('near', visualViewport.scale > 1.01);
    visualViewport.addEventListener('resize', zoomed); zoomed();
    box.addEventListener('close', () => visualViewport.removeEventListener('resize', zoomed));
    box.append(tools, previous, paper, next, h('footer', {}, words));
    show();
    return box;
  }

  Object.assign(Easel, { dialog, picture: { remove, favourite, download, downloadAll, cutOut, heart, info, view, gone } });
})();
