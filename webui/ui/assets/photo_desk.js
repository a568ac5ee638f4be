/* What the two photo tabs have besides a desk: the switch between photo and result, tasks, strength, quick tries, before and after. */
(() => {
  const { h, icon, iconButton, on, emit, part, post, get, announce, trouble, roving, photos } = Easel;
  const BUSY = ['queued', 'loading', 'running'];
  const ANSWER = 20000; /* ms to wait for word of what was asked for */
  const GRACE = 5000; /* ms in which a job must have been seen in the queue */
  const words = (strength) => (strength < 0.4 ? 'a touch' : strength < 0.65 ? 'half' : 'a lot');
  const trim = (n) => Number(n).toFixed(2).replace(/\.?0+$/, '');

  /* "Your photo | Result". Goes to the result by itself when a job of this tab begins. */
  part('views', ({ element, props }) => {
    const key = props.desk, panels = { photo: `${key}-photoview`, result: `${key}-resultview` };
    const seg = h('div.seg', { role: 'radiogroup', 'aria-label': 'What is shown' });
    const buttons = Object.entries({ photo: props.photo || 'Your photo', result: 'Result' }).map(([v, text]) => h('button', { role: 'radio', 'data-v': v, onclick: () => show(v) }, text));
    let now = 'photo', armed = false;
    seg.append(...buttons);
    element.replaceChildren(h('div.views', {}, seg));
    function show(which) {
      now = which; element.dataset.view = which;
      for (const [v, id] of Object.entries(panels)) document.getElementById(id)?.classList.toggle('away', v !== which);
      buttons.forEach((b) => { const chosen = b.dataset.v === which; b.setAttribute('aria-checked', chosen); b.tabIndex = chosen ? 0 : -1; });
    }
    const known = () => { const live = Easel.live.now(); return BUSY.includes(live.state) || live.state === 'error' || (live.pictures || []).length + (live.recent || []).length > 0; };
    const paint = () => { seg.hidden = !known(); element.classList.toggle('bare', seg.hidden); if (seg.hidden && now === 'result') show('photo'); };
    roving(seg, 'button', (b) => b.click());
    document.addEventListener('click', (event) => { if (event.target.closest(`#${key}-go`)) armed = true; }, true);
    on('live', (live) => { if (armed && BUSY.includes(live.state) && !live.hoped) { armed = false; show('result'); } paint(); });
    on('view:' + key, (which) => show(which));
    on('reply:' + key, (said) => { if (said.fault) armed = false; });
    const start = () => (document.getElementById(panels.result) ? show(now) : setTimeout(start, 40));
    start(); paint();
  });

  /* Ready-made tasks. value = a task's name or "". options: {name, title, icon, sentence, ask, needs, fields}; `usual` are the
     fields without a task, which come back when it is tapped off and when another photo comes. */
  part('tasks', ({ element, props, watch }) => {
    const key = props.desk, name = props.name;
    const row = h('div.tasks', { role: 'group', 'aria-label': 'Ready-made tasks' }), hint = h('p.quiet', { role: 'status' });
    const box = () => document.querySelector(`#${key}-prompt textarea`);
    let usual = null;
    const chosen = () => props.options.find((o) => o.name === props.value);
    function mark() {
      row.querySelectorAll('button').forEach((b) => b.setAttribute('aria-pressed', b.dataset.v === props.value));
      const task = chosen(), area = box();
      hint.textContent = task ? task.sentence || '' : ''; hint.hidden = !task;
      if (area) { usual ??= area.placeholder; area.placeholder = (task && task.ask) || usual; }
    }
    function choose(v, by) {
      if (v && !props.options.some((o) => o.name === v)) v = '';
      props.value = v; Easel.changed(key, name, v); mark();
      const task = chosen();
      if (!by) return;
      Easel.fill(key, task ? task.fields : props.usual);
      if (!task) return;
      emit('view:' + key, 'photo');
      if (task.needs === 'sketch') emit('sketch:' + key);
      if (task.needs === 'extend' || task.extend_to) emit('extend:' + key, task.extend_to);
      announce(task.sentence);
    }
    row.append(...props.options.map((o) => h('button.chip', { 'data-v': o.name, 'aria-pressed': 'false', onclick: () => choose(props.value === o.name ? '' : o.name, true) }, o.icon ? Easel.icon(o.icon, 18) : '', o.title || o.name)));
    element.replaceChildren(...(props.options.length ? [row, hint] : []));
    const start = () => (box() ? mark() : setTimeout(start, 60));
    watch('value', mark); start();
    on('fresh:' + key, () => { if (props.value) choose('', true); });
    Easel.enlist(key, name, { get: () => props.value || '', set: (v) => choose(typeof v === 'string' ? v : '', false) });
  });

  /* How much may change: in words, with the number under it. value = 0..1 */
  part('strength', ({ element, props, watch }) => {
    const key = props.desk, name = props.name, id = `${key}-strength-range`;
    const levels = [[0.3, 'A touch', 'new look, same things'], [0.5, 'Half', 'new things, same layout'], [0.75, 'A lot', 'only the idea stays']];
    const row = h('div.choice', { role: 'radiogroup', 'aria-label': 'Strength in words' });
    const range = h('input', { type: 'range', id, min: 0.05, max: 1, step: 0.01, 'aria-label': 'Strength' });
    const exact = h('input.exact', { type: 'number', min: 0.05, max: 1, step: 0.01, inputmode: 'decimal', 'aria-label': 'Exact strength' });
    row.append(...levels.map(([v, title, hint]) => h('button', { role: 'radio', 'data-v': v, 'aria-label': title, title: hint, onclick: () => choose(v) }, h('span', {}, title))));
    const hint = h('p.quiet');
    const paint = () => {
      const v = Number(props.value) || 0.5, nearest = v < 0.4 ? 0 : v < 0.65 ? 1 : 2;
      range.value = v; exact.value = trim(v); range.style.setProperty('--fill', ((v - 0.05) / 0.95) * 100 + '%'); range.setAttribute('aria-valuetext', `${trim(v)}, ${words(v)}`);
      row.querySelectorAll('button').forEach((b, i) => { b.setAttribute('aria-checked', i === nearest); b.tabIndex = i === nearest ? 0 : -1; });
      hint.textContent = levels[nearest][2].replace(/^./, (c) => c.toUpperCase()) + '.';
    };
    function choose(v) { v = Math.min(1, Math.max(0.05, Number(v))); if (!Number.isFinite(v)) return; props.value = Number(v.toFixed(2)); paint(); Easel.changed(key, name, props.value); }
    range.oninput = () => choose(range.value); exact.onchange = () => (exact.value === '' ? paint() : choose(exact.value));
    roving(row, 'button', (b) => choose(b.dataset.v));
    element.replaceChildren(h('div.strength', {}, h('label.cap', { for: id }, 'How much to change', h('small', {}, ' · strength')), row, h('div.fine', {}, range, exact), hint));
    watch('value', paint); paint();
    Easel.enlist(key, name, { get: () => props.value, set: choose });
  });

  /* Three quick small pictures, one a strength; a tap takes that strength and its seed. */
  part('tries', ({ element, props, trigger }) => {
    const key = props.desk;
    let tries = [], seed = null, ids = {};
    const button = h('button.btn', { onclick: ask }, icon('spark', 18), 'Show me three strengths');
    const row = h('div.row3', { role: 'group', 'aria-label': 'Quick tries' });
    const hint = h('p.quiet', {}, 'Small and quick. Tap the one you like: it is then drawn in full.');
    const box = h('div.tries', {}, button, row, hint);
    element.replaceChildren(box);
    const show = () => { row.hidden = hint.hidden = !tries.length; button.hidden = tries.length > 0 && !tries.every((t) => ids[t.job] || t.failed); };
    function ask() {
      drop(); const mine = tries = [{}, {}, {}]; build(); trigger('ask', {});
      setTimeout(() => { if (tries === mine) { tries = []; build(); Easel.toast('Easel did not answer. Try again.', null, 8, 'alert'); } }, ANSWER);
    }
    /** The drafts leave the gallery when they have served. */
    function drop() { const done = Object.values(ids); ids = {}; tries = []; if (done.length) post('/pictures/delete', { ids: done }).catch(() => {}); }
    function build() {
      const field = Easel.fieldValue(key, 'photo');
      row.style.setProperty('--ratio', field ? field.width / field.height : 1);
      row.replaceChildren(...tries.map((t, i) => h('button.try.waiting', { disabled: true, 'data-job': t.job || '', 'aria-label': t.strength ? `Strength ${trim(t.strength)}, ${words(t.strength)}` : 'Being drawn', onclick: () => take(t) },
        h('span', {}, t.strength ? words(t.strength) : ['a touch', 'half', 'a lot'][i]))));
      show();
    }
    function take(t) {
      Easel.fill(key, { strength: t.strength, seed: { seed, locked: true } });
      announce(`Strength ${words(t.strength)}. It is drawn in full now.`);
      drop(); build(); document.getElementById(key + '-go')?.click();
    }
    on('reply:' + key, (said) => {
      if (said.tries) { const late = performance.now() + GRACE; tries = said.tries.map((t) => ({ ...t, late })); seed = said.seed; ids = {}; build(); look(Easel.live.now()); setTimeout(() => look(Easel.live.now()), GRACE + 100); }
      else if (said.fault && tries.some((t) => !t.job)) { tries = []; build(); }
    });
    function look(now) {
      for (const p of [...(now.pictures || []), ...(now.recent || [])]) {
        const t = tries.find((one) => one.job && one.job === p.job);
        if (!t || ids[p.job]) continue;
        ids[p.job] = p.id; t.failed = false;
        const tile = row.querySelector(`[data-job="${CSS.escape(p.job)}"]`);
        if (tile) { tile.classList.remove('waiting'); tile.disabled = false; tile.prepend(h('img', { src: p.thumb, alt: '' })); }
      }
      /* Stopped, cancelled or broken: it was in the queue, is there no more, and brought nothing. */
      const queued = [BUSY.includes(now.state) ? now.job : '', ...(now.waiting || []).map((w) => w.job)];
      for (const t of tries) {
        if (!t.job || ids[t.job]) continue;
        if (queued.includes(t.job)) { t.seen = true; t.failed = false; } else if (t.seen || now.job === t.job || performance.now() > t.late) t.failed = true;
      }
      if (tries.length && tries.every((t) => t.failed)) { tries = []; build(); }
      show();
    }
    on('live', look); show();
  });

  /* Shows an element only while a field has one of some values. */
  part('when', ({ props }) => {
    const set = (v) => { const node = document.getElementById(props.target); if (!node) { setTimeout(() => set(v), 60); return; } (node.closest('.block') || node).style.display = props.values.includes(v) ? '' : 'none'; };
    on(`field:${props.desk}:${props.field}`, set);
    set(Easel.fieldValue(props.desk, props.field) ?? props.first);
  });

  /* Under the result: before and after, and the promise that was kept. */
  part('aftermath', ({ props }) => {
    const key = props.desk, details = new Map();
    const compareButton = h('button.btn', { 'aria-pressed': 'false', onclick: () => set(!open) }, icon('sliders', 18), 'Before and after');
    const badge = h('p.untouched', { hidden: true }, icon('check', 18), h('span'));
    compareButton.hidden = true;
    const row = h('div.aftermath', { hidden: true }, badge, compareButton);
    const settle = () => { const bar = document.querySelector(`#${key}-views .views`); if (bar) bar.append(row); else setTimeout(settle, 40); };
    settle();
    let shown = '', open = false, overlay = null;
    const figure = () => document.querySelector(`#${key}-resultview .stage figure`);
    const idOf = (image) => { const found = image && !image.hidden && /\/img\/([^/?#]+)$/.exec(image.getAttribute('src') || ''); return found ? found[1] : ''; };

    async function look() {
      const id = idOf(figure()?.querySelector('.pic'));
      const now = Easel.live.now(), mine = (now.pictures || []).some((p) => p.id === id);
      const promise = mine && now.state === 'done' ? (now.notes || []).find((note) => /byte for byte/i.test(note)) : '';
      badge.hidden = !promise; badge.lastChild.textContent = promise || '';
      if (id === shown) { row.hidden = badge.hidden && compareButton.hidden; return; }
      shown = id; close(); compareButton.hidden = true; row.hidden = badge.hidden;
      if (!id) return;
      let detail = details.get(id);
      if (!detail) { try { detail = await get('/pictures/' + id); details.set(id, detail); } catch { return; } }
      if (shown !== id) return;
      compareButton.hidden = !(detail.recipe && detail.recipe.init_image); row.hidden = badge.hidden && compareButton.hidden;
      if (open && !compareButton.hidden) lay(detail);
    }
    function close() { if (overlay) overlay.remove(); overlay = null; }
    function set(state) { open = state; compareButton.setAttribute('aria-pressed', open); close(); const detail = details.get(shown); if (open && detail) lay(detail); }
    function lay(detail) {
      const recipe = detail.recipe, host = figure(), inpaint = recipe.inpaint || {};
      const image = h('img', { src: `/photos/${encodeURIComponent(recipe.init_image)}?side=1600`, alt: 'The photo before', onerror: () => { close(); compareButton.hidden = true; } });
      if (recipe.resize === 'fill') image.style.objectFit = 'contain';
      const [l, t, r, b] = ['left', 'top', 'right', 'bottom'].map((side) => inpaint['extend_' + side] || 0);
      if (l + t + r + b) Object.assign(image.style, { left: (100 * l) / detail.width + '%', top: (100 * t) / detail.height + '%', width: 100 * (1 - (l + r) / detail.width) + '%', height: 100 * (1 - (t + b) / detail.height) + '%' });
      const range = h('input', { type: 'range', min: 0, max: 100, step: 0.5, value: 50, 'aria-label': 'Before and after' });
      overlay = h('div.compare', {}, h('div.cut', {}, image), h('i', { 'aria-hidden': 'true' }), h('b.was', { 'aria-hidden': 'true' }, 'Before'), h('b.is', { 'aria-hidden': 'true' }, 'After'), range);
      const paint = () => { overlay.style.setProperty('--cut', range.value + '%'); range.setAttribute('aria-valuetext', `${Math.round(range.value)} percent before`); };
      range.oninput = paint; paint(); host.append(overlay);
    }
    const start = () => {
      const host = document.querySelector(`#${key}-resultview .stage`);
      if (!host) { setTimeout(start, 80); return; }
      new MutationObserver(look).observe(host, { subtree: true, attributes: true, attributeFilter: ['src', 'hidden'] });
      look();
    };
    on('live', look); start();
  });
})();
