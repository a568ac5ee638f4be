/* The gallery: pages of thumbnails by day, newest first. Rows far from the window are emptied, so thousands stay light. */
(() => {
  const { h, icon, iconButton, on, emit, part, get, trouble, picture: act } = Easel;
  const PAGE = 60;

  const dayOf = (seconds) => new Date(seconds * 1000).toDateString();
  function dayWords(seconds) {
    const day = new Date(seconds * 1000), today = new Date(), yesterday = new Date(Date.now() - 864e5);
    if (day.toDateString() === today.toDateString()) return 'Today';
    if (day.toDateString() === yesterday.toDateString()) return 'Yesterday';
    return day.toLocaleDateString(undefined, { weekday: 'long', day: 'numeric', month: 'long', year: day.getFullYear() === today.getFullYear() ? undefined : 'numeric' });
  }

  part('gallery', ({ element }) => {
    let list = [], more = true, loading = false, search = '', favourites = false, selecting = false, ask = 0, stale = true, failed = false, stop = '';
    const chosen = new Set(), removed = new Map();
    const find = h('input.find', { type: 'search', placeholder: 'Search in prompts', 'aria-label': 'Search in prompts' });
    const only = h('button.chip', { 'aria-pressed': 'false', onclick: () => { favourites = !favourites; only.setAttribute('aria-pressed', favourites); restart(); } }, icon('heart', 18), 'Favorites');
    const select = h('button.chip', { 'aria-pressed': 'false', onclick: () => choosing(!selecting) }, icon('check', 18), 'Select');
    const counted = h('span.quiet', { role: 'status' });
    const drop = h('button.btn.danger', { onclick: () => { const ids = [...chosen]; choosing(false); if (ids.length) act.remove(ids); } }, icon('bin', 18), 'Delete');
    const all = h('button.btn', { onclick: () => { list.forEach((p) => chosen.add(p.id)); marks(); } }, 'Select all');
    const down = h('button.btn', { onclick: () => act.downloadAll(list.filter((p) => chosen.has(p.id))) }, icon('download', 18), 'Download');
    const actions = h('div.actions', { hidden: true }, counted, all, down, drop, h('button.btn', { onclick: () => choosing(false) }, 'Cancel'));
    const days = h('div.days'), foot = h('div.foot', { 'aria-hidden': 'true' });
    const empty = h('div.empty', { hidden: true });
    element.replaceChildren(h('section.gallery', { 'aria-label': 'Gallery' }, h('div.gallerybar', {}, find, only, select), actions, empty, days, foot));

    function choosing(state) { selecting = state; chosen.clear(); select.setAttribute('aria-pressed', state); actions.hidden = !state; marks(); }
    function marks() {
      days.querySelectorAll('.tile').forEach((tile) => { tile.classList.toggle('chosen', chosen.has(tile.dataset.id)); tile.querySelector('.open')?.setAttribute('aria-pressed', selecting ? chosen.has(tile.dataset.id) : 'false'); });
      days.classList.toggle('selecting', selecting);
      counted.textContent = selecting ? `${chosen.size} selected` : ''; drop.disabled = down.disabled = !chosen.size;
    }
    const use = (p) => emit('use', p.id);
    const look = (p) => act.view(list, p.id, { more: load, use });
    function tile(p) {
      const image = h('img', { src: p.thumb, alt: p.prompt, loading: 'lazy', decoding: 'async' });
      const open = h('button.open', { 'aria-label': p.prompt || 'Picture', onclick: () => { if (!selecting) { look(p); return; } chosen.has(p.id) ? chosen.delete(p.id) : chosen.add(p.id); marks(); } }, image, h('span.tick', { 'aria-hidden': 'true' }, icon('check', 16)));
      const node = h('article.tile', { 'data-id': p.id }, open, h('div.over', {}, act.heart(p), iconButton('use', 'Use these settings', () => use(p)), iconButton('download', 'Download', () => act.download(p)), iconButton('info', 'Info', () => act.info(p.id)), iconButton('bin', 'Delete', () => act.remove([p.id]))));
      node.style.setProperty('--ratio', Math.min(1.9, Math.max(0.55, p.width / p.height)));
      reachable(node, p.id === stop);
      return node;
    }
    /* One picture is in the tab order, with what can be done to it; the arrow keys go to the others. */
    const reachable = (node, yes) => node?.querySelectorAll('button').forEach((b) => { b.tabIndex = yes ? 0 : -1; });
    const tileOf = (id) => days.querySelector(`.tile[data-id="${CSS.escape(id)}"]`);
    function stopAt(id) { if (id === stop) return; reachable(tileOf(stop), false); stop = id; reachable(tileOf(stop), true); }
    /** The picture that Tab comes to may be gone or far away: then it is the first in sight. */
    function settle() {
      if (tileOf(stop)) return;
      const tiles = [...days.querySelectorAll('.tile')];
      stopAt((tiles.find((node) => node.getBoundingClientRect().bottom > 80) || tiles[0])?.dataset.id || '');
    }
    function beside(node, key) {
      const tiles = [...days.querySelectorAll('.tile')], at = tiles.indexOf(node);
      if (key === 'ArrowRight' || key === 'ArrowLeft') return tiles[at + (key === 'ArrowRight' ? 1 : -1)];
      const down = key === 'ArrowDown', own = node.getBoundingClientRect(), middle = own.left + own.width / 2;
      const rest = tiles.map((other) => [other, other.getBoundingClientRect()]).filter(([, r]) => (down ? r.top > own.bottom - 1 : r.bottom < own.top + 1));
      const edge = down ? Math.min(...rest.map(([, r]) => r.top)) : Math.max(...rest.map(([, r]) => r.top));
      const off = ([, r]) => Math.abs(r.left + r.width / 2 - middle);
      return rest.filter(([, r]) => Math.abs(r.top - edge) < 2).sort((a, b) => off(a) - off(b))[0]?.[0];
    }
    function end(p) {
      const block = p && [...days.querySelectorAll('.tiles')].find((one) => one.easel.includes(p));
      if (block && !block.firstChild) show(block);
      return p && tileOf(p.id);
    }
    days.addEventListener('focusin', (event) => { const node = event.target.closest('.tile'); if (node) stopAt(node.dataset.id); });
    days.addEventListener('keydown', (event) => {
      if (!event.target.matches('.tile .open') || !/^(Arrow(Left|Right|Up|Down)|Home|End)$/.test(event.key) || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      const next = event.key === 'Home' ? end(list[0]) : event.key === 'End' ? end(list[list.length - 1]) : beside(event.target.closest('.tile'), event.key);
      next?.querySelector('.open').focus();
    });
    /* A block is at most one page of one day. It keeps its measured height while it is emptied. */
    const show = (block) => { block.append(...block.easel.map(tile)); block.style.minHeight = ''; if (selecting) marks(); };
    const watcher = new IntersectionObserver((entries) => { entries.forEach(({ target, isIntersecting }) => {
      if (isIntersecting && !target.firstChild) show(target);
      else if (!isIntersecting && target.firstChild && target.offsetHeight) { target.style.minHeight = target.offsetHeight + 'px'; target.replaceChildren(); }
    }); settle(); }, { rootMargin: '1600px 0px' });
    function append(pictures) {
      for (const p of pictures) {
        const day = dayOf(p.created);
        let group = days.lastElementChild;
        if (!group || group.dataset.day !== day) { group = h('section.day', { 'data-day': day, 'aria-label': dayWords(p.created) }, h('h2', {}, dayWords(p.created))); days.append(group); }
        let block = group.lastElementChild;
        if (!block.easel || block.easel.length >= PAGE) { block = Object.assign(h('div.tiles'), { easel: [] }); group.append(block); watcher.observe(block); }
        block.easel.push(p);
        if (block.firstChild || block.easel.length === 1) block.append(tile(p));
      }
      settle();
    }
    const keep = (fits) => { list.splice(0, list.length, ...list.filter(fits)); rebuild(); };
    function rebuild() { watcher.disconnect(); days.replaceChildren(); append(list); hint(); marks(); }
    function hint() {
      empty.hidden = list.length > 0 || loading;
      if (!empty.hidden && failed) empty.replaceChildren(h('span.glow', { 'aria-hidden': 'true' }, icon('image', 34)), h('h2', {}, 'Could not load'), h('p', {}, 'Your pictures are safe; they could not be fetched.'), h('button.btn.main', { onclick: load }, 'Try again'));
      else if (!empty.hidden) empty.replaceChildren(h('span.glow', { 'aria-hidden': 'true' }, icon('image', 34)), h('h2', {}, search ? 'Nothing found' : favourites ? 'No favorites yet' : 'No pictures yet'),
        h('p', {}, search ? 'Try another word from the prompt.' : favourites ? 'Tap the heart on a picture to keep it here.' : 'What you draw is kept here until you delete it.'),
        search || favourites ? '' : h('button.btn.main', { onclick: () => Easel.openTab('create') }, 'Draw the first one'));
    }
    async function load() {
      if (loading || !more) return;
      loading = true; failed = false; const mine = ++ask;
      const last = list[list.length - 1];
      const query = new URLSearchParams({ limit: PAGE }); if (search) query.set('search', search); if (favourites) query.set('favourites', 'true'); if (last) query.set('before', last.created);
      try {
        const page = await get('/pictures?' + query);
        if (mine !== ask) return;
        const seen = new Set(list.map((p) => p.id)), fresh = page.pictures.filter((p) => !seen.has(p.id) && !act.gone.has(p.id));
        more = page.more && page.pictures.length > 0; list.push(...fresh); append(fresh);
      } catch (error) { if (mine === ask) { failed = true; trouble(error); } } finally { if (mine === ask) { loading = false; hint(); if (!failed) lookAgain(); } }
    }
    /* A new array: a picture that is looked at meanwhile keeps its neighbours. */
    function restart() { ask += 1; list = []; removed.clear(); more = true; loading = false; watcher.disconnect(); days.replaceChildren(); load(); }
    const ending = new IntersectionObserver((entries) => { if (entries[0].isIntersecting) { if (stale && !list.length) { stale = false; restart(); } else load(); } }, { rootMargin: '1200px 0px' });
    /** It tells changes only, and there is none when one scrolls past the page that arrives. */
    function lookAgain() { ending.unobserve(foot); ending.observe(foot); }
    lookAgain();
    on('line', (up) => { if (up && failed && element.offsetParent) load(); });
    let typing = 0;
    find.oninput = () => { clearTimeout(typing); typing = setTimeout(() => { search = find.value.trim(); restart(); }, 220); };
    on('pictures', ({ deleted, restored, changed }) => {
      if (deleted) { list.forEach((p) => { if (deleted.includes(p.id)) removed.set(p.id, p); }); keep((p) => !deleted.includes(p.id)); }
      if (restored?.every((id) => removed.has(id))) { list.push(...restored.map((id) => removed.get(id)).filter((p) => !list.includes(p))); list.sort((a, b) => b.created - a.created); rebuild(); }
      else if (restored) { if (element.offsetParent) restart(); else stale = true; }
      if (changed) {
        const mine = list.find((p) => p.id === changed.id); if (mine) mine.favourite = changed.favourite;
        days.querySelectorAll(`.tile[data-id="${CSS.escape(changed.id)}"] [aria-label=Favorite]`).forEach((b) => b.setAttribute('aria-pressed', changed.favourite));
        if (favourites && !changed.favourite) keep((p) => p.id !== changed.id);
      }
    });
    /* Newly finished pictures go to the front. */
    let newest = '';
    on('live', (now) => {
      const top = (now.pictures || [])[now.pictures.length - 1];
      if (!top || top.id === newest) return;
      newest = top.id;
      if (list.some((p) => p.id === top.id)) return;
      if (search || favourites || selecting || !element.offsetParent || scrollY > 300) { stale = true; if (element.offsetParent && scrollY <= 300 && !selecting) restart(); return; }
      const fresh = now.pictures.filter((p) => !list.some((q) => q.id === p.id) && !act.gone.has(p.id)).reverse();
      list.unshift(...fresh); rebuild();
    });
    new IntersectionObserver((entries) => { if (entries[0].isIntersecting && stale) { stale = false; restart(); } }).observe(element);
    marks();
  });
})();
