/* One picture large, and everything that can be done with it; used by the stage and the gallery alike. */
(() => {
  const { h, icon, iconButton, get, post, toast, trouble, copy, emit } = Easel;

  /* Deleting hides at once and can be taken back for ten seconds. */
  const gone = new Set();
  async function remove(ids) {
    ids.forEach((id) => gone.add(id));
    emit('pictures', { deleted: ids });
    try { await post('/pictures/delete', { ids }); } catch (error) { ids.forEach((id) => gone.delete(id)); emit('pictures', { restored: ids }); trouble(error); return; }
    const text = ids.length === 1 ? 'Picture deleted' : `${ids.length} pictures deleted`;
    toast(text, { label: 'Undo', async act() {
      try { await post('/pictures/restore', { ids }); ids.forEach((id) => gone.delete(id)); emit('pictures', { restored: ids }); } catch (error) { trouble(error); }
    } }, 10);
  }
  async function favourite(picture, on) {
    picture.favourite = on; emit('pictures', { changed: picture });
    try { await post(`/pictures/${picture.id}/favourite`, { on }); } catch (error) { picture.favourite = !on; emit('pictures', { changed: picture }); trouble(error); }
  }
  function fetchAs(href, name = '') { const link = h('a', { href, download: name }); document.body.append(link); link.click(); link.remove(); }
  const download = (picture, plain = false) => fetchAs(`/img/${picture.id}?download=1${plain ? '&plain=1' : ''}`);

  /** The subject of a picture or photo as a see-through PNG. Takes seconds; `button` waits meanwhile. */
  async function cutOut(id, button) {
    if (button) { button.disabled = true; button.setAttribute('aria-busy', 'true'); }
    toast('Cutting out the subject…', null, 3);
    try {
      const answer = await fetch(`/photos/${encodeURIComponent(id)}/cutout`, { credentials: 'same-origin' });
      if (!answer.ok) throw new Error(((await answer.json().catch(() => ({}))).error || {}).message || 'That did not work.');
      const url = URL.createObjectURL(await answer.blob());
      fetchAs(url, 'cutout.png'); setTimeout(() => URL.revokeObjectURL(url), 60000);
    } catch (error) { trouble(error); } finally { if (button) { button.disabled = false; button.removeAttribute('aria-busy'); } }
  }
  const heart = (picture) => {
    const button = iconButton('heart', 'Favourite', () => { favourite(picture, !picture.favourite); mark(); });
    const mark = () => { button.setAttribute('aria-pressed', !!picture.favourite); };
    mark();
    return button;
  };

  function dialog(className, label) {
    const box = h('dialog.' + className, { 'aria-label': label });
    box.addEventListener('close', () => box.remove());
    box.addEventListener('click', (event) => { if (event.target === box) box.close(); });
    document.body.append(box); box.showModal();
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
      h('dl', {}, rows.map(([k, v]) => [h('dt', {}, k), h('dd', {}, String(v))])),
      h('footer', {}, full.infotext && h('button.btn', { onclick: () => copy(full.infotext, 'Settings copied') }, icon('copy', 18), 'Copy settings'),
        h('button.btn', { onclick: () => copy(full.prompt, 'Prompt copied') }, icon('copy', 18), 'Copy prompt'),
        h('button.btn', { onclick: () => download(full, true), title: 'The same picture with nothing written in it' }, icon('download', 18), 'Download without the prompt'),
        h('button.btn', { onclick: (event) => cutOut(full.id, event.currentTarget), title: 'The subject alone, see-through around it' }, icon('cut', 18), 'Cut out')));
  }

  /* Full screen. `list` is a live array; `more` may lengthen it near its end. */
  function view(list, id, { more = null, use = null } = {}) {
    let at = Math.max(0, list.findIndex((p) => p.id === id));
    const box = dialog('viewer', 'Picture, full screen');
    const image = h('img', { alt: '' }), words = h('p'), count = h('span.count'), tools = h('div.tools');
    const move = (step) => { const next = at + step; if (next < 0 || next >= list.length) return; at = next; show(); if (more && at > list.length - 6) more(); };
    const previous = iconButton('left', 'Previous picture', () => move(-1)), next = iconButton('right', 'Next picture', () => move(1));
    previous.classList.add('side'); next.classList.add('side');
    function show() {
      const picture = list[at];
      if (!picture) { box.close(); return; }
      image.src = picture.src; image.alt = picture.prompt; image.style.setProperty('--ratio', picture.width / picture.height);
      box.dataset.id = picture.id;
      words.textContent = picture.prompt; count.textContent = list.length > 1 ? `${at + 1} / ${list.length}` : '';
      previous.disabled = at === 0; next.disabled = at === list.length - 1;
      tools.replaceChildren(count, use ? h('button.btn', { onclick: () => { box.close(); use(picture); } }, icon('use', 18), 'Use these settings') : '',
        iconButton('download', 'Download', () => download(picture)), heart(picture), iconButton('info', 'Info', () => info(picture.id)),
        iconButton('bin', 'Delete', () => { const doomed = picture.id; if (list.length === 1) box.close(); remove([doomed]); if (box.open) { if (list[at]?.id === doomed) list.splice(at, 1); at = Math.min(at, list.length - 1); show(); } }),
        iconButton('close', 'Close', () => box.close()));
      [at - 1, at + 1].forEach((i) => { if (list[i]) new Image().src = list[i].src; });
    }
    box.addEventListener('keydown', (event) => { const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key]; if (step) { event.preventDefault(); move(step); } });
    let startX = null;
    box.addEventListener('pointerdown', (event) => { startX = event.pointerType === 'touch' ? event.clientX : null; });
    box.addEventListener('pointerup', (event) => { if (startX !== null && Math.abs(event.clientX - startX) > 60) move(event.clientX < startX ? 1 : -1); startX = null; });
    box.append(tools, previous, h('div.paper', { onclick: (event) => { if (event.target === event.currentTarget) box.close(); } }, image), next, h('footer', {}, words));
    show();
    return box;
  }

  Object.assign(Easel, { picture: { remove, favourite, download, cutOut, heart, info, view, gone } });
})();
