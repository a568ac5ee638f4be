/* The Models and Settings tabs. */
(() => {
  const { h, icon, iconButton, on, part, post, copy, look, trouble } = Easel;
  const gigabytes = (bytes) => (bytes >= 1e9 ? (bytes / 1e9).toFixed(1) + ' GB' : Math.max(1, Math.round(bytes / 1e6)) + ' MB');

  /* value = {models: [...], more: [...], loras: [...], folders: [{label, path}], machine: [[term, text]], note} */
  part('library', ({ element, props, trigger, watch }) => {
    function badge(item) {
      if (item.problem) return h('span.badge.bad', {}, 'Cannot be used');
      return item.fits === false ? h('span.badge.warn', {}, item.fit) : item.fit ? h('span.badge.good', {}, item.fit) : '';
    }
    function card(item, kind) {
      return h('article.modelcard', { 'data-id': item.id }, h('div.head', {}, h('h3', {}, item.title), badge(item)),
        h('p.meta', {}, [item.family, gigabytes(item.bytes), item.size].filter(Boolean).join(' · ')),
        item.problem ? h('p.problem', {}, icon('info', 18), h('span', {}, item.problem.message, item.problem.hint ? ' ' + item.problem.hint : '')) : '',
        item.trigger ? h('p.quiet', {}, `Say “${item.trigger}” in the prompt.`) : '',
        kind === 'model' && !item.problem ? h('div.row', {}, h('button.btn', { onclick: () => { Easel.fill('create', { model: item.id }); Easel.openTab('create'); } }, icon('use', 18), 'Draw with it')) : '');
    }
    /* What can be got: its button becomes the download's bar, as the live view tells. */
    function offered(item) {
      const row = h('div.row'), words = h('p.quiet', { role: 'status' }), fill = h('i'), bar = h('div.thin', { role: 'progressbar', 'aria-label': 'Download of ' + item.title, 'aria-valuemin': 0, 'aria-valuemax': 100, hidden: true }, fill);
      const start = () => post(`/downloads/${encodeURIComponent(item.id)}/start`).catch(trouble);
      let shown = null;
      const paint = ({ offer }) => {
        const mine = offer && offer.id === item.id ? offer : { state: '', words: '' };
        const coming = mine.state === 'coming', busy = offer && offer.state === 'coming' && !coming;
        words.textContent = coming || mine.state === 'failed' || mine.state === 'here' ? mine.words : item.fit;
        bar.hidden = !coming; if (coming) { fill.style.width = mine.percent + '%'; bar.setAttribute('aria-valuenow', mine.percent); }
        const now = mine.state + busy; if (now === shown) return;
        if (mine.state === 'here' && shown !== null) trigger('refresh', {});
        shown = now;
        row.replaceChildren(coming ? h('button.btn', { onclick: () => post('/downloads/stop').catch(trouble) }, 'Stop') : h('button.btn', { onclick: start, disabled: busy }, icon('download', 18), `Get it, ${gigabytes(item.bytes)}`));
      };
      const node = h('article.modelcard', { 'data-get': item.id }, h('div.head', {}, h('h3', {}, item.title)), h('p.meta', {}, item.purpose), words, bar, h('p.meta', { title: item.terms }, 'License: ' + item.licence), row);
      paint(Easel.live.now()); painters.add(paint);
      return node;
    }
    const painters = new Set(); on('live', (now) => painters.forEach((paint) => paint(now)));
    const section = (title, items, kind, none) => h('section', {}, h('h2', {}, title, h('small', {}, ` ${items.length}`)), items.length ? h('div.modelgrid', {}, items.map((i) => card(i, kind))) : h('p.quiet', {}, none));
    function draw() {
      const button = element.querySelector('.pagehead .btn'), held = button && button === document.activeElement;
      const v = props.value || { models: [], loras: [], folders: [], machine: [] };
      painters.clear();
      element.replaceChildren(h('div.page', {},
        h('header.pagehead', {}, h('div', {}, h('h1', {}, 'Models'), h('p.quiet', {}, v.note || '')), h('button.btn', { onclick: (e) => { e.currentTarget.classList.add('turning'); trigger('refresh', {}); } }, icon('refresh', 18), 'Look again')),
        section('Models', v.models, 'model', 'No model yet.'),
        (v.more || []).length ? h('section', {}, h('h2', {}, 'More to get'), h('div.modelgrid', {}, v.more.map(offered))) : '',
        section('LoRAs', v.loras, 'lora', 'None yet. A LoRA is a small file that teaches a model one thing more: a style, a person, an object.'),
        h('section', {}, h('h2', {}, 'Where files go'), h('dl.facts', {}, (v.folders || []).map((f) => [h('dt', {}, f.label), h('dd', {}, h('code', {}, f.path), f.copy ? iconButton('copy', `Copy the path for ${f.label}`, () => copy(f.path, 'Path copied')) : '')])),
          h('p.quiet', {}, 'Files ending in .safetensors or .gguf, and diffusers folders. Sub-folders and links to the folders of other apps work too. Files ending in .ckpt, .pt or .bin can hold programs and are not opened.')),
        h('section', {}, h('h2', {}, 'What fits this computer'), h('dl.facts', {}, (v.machine || []).map(([a, b]) => [h('dt', {}, a), h('dd', {}, b)])))));
      if (held) element.querySelector('.pagehead .btn').focus();
    }
    draw(); watch('value', draw);
  });

  part('look', ({ element }) => {
    const id = 'look-caption', row = h('div.choice', { role: 'radiogroup', 'aria-labelledby': id });
    const mark = () => row.querySelectorAll('button').forEach((b) => { const sure = b.dataset.v === look.get(); b.setAttribute('aria-checked', sure); b.tabIndex = sure ? 0 : -1; });
    row.append(...[['system', 'System'], ['light', 'Light'], ['dark', 'Dark']].map(([v, t]) => h('button', { role: 'radio', 'data-v': v, onclick: () => { look.set(v); mark(); } }, t)));
    Easel.roving(row, 'button', (b) => b.click());
    element.replaceChildren(h('p.cap', { id }, 'Appearance'), row); mark();
  });

  /* value = [[term, text, copyable]] */
  part('facts', ({ element, props, watch }) => {
    function draw() { element.replaceChildren(h('h2', {}, props.title), h('dl.facts', {}, (props.value || []).map(([a, b]) => [h('dt', {}, a), h('dd', { 'data-fact': a }, b)]))); live(Easel.live.now()); }
    function live(now) {
      const worker = now.worker || {}, dd = element.querySelector('[data-fact="State"]'), device = element.querySelector('[data-fact="Device"]');
      if (dd) dd.textContent = { starting: 'Getting ready…', ready: 'Ready', busy: 'Drawing', dead: 'Starts with the next picture', closed: 'Closed' }[worker.state] || worker.state || '';
      if (device && worker.device) device.textContent = worker.device;
    }
    on('live', live); draw(); watch('value', draw);
  });

  part('heading', ({ element, props }) => element.replaceChildren(h('header.pagehead', {}, h('h1', {}, props.title))));
})();
