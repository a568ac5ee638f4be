/* The fields of a desk: each shows one value of the request, remembers it, and can be filled from elsewhere.
   A desk (one tab that draws) is known by its key; its fields by the names of GenerationRequest. */
(() => {
  const { h, icon, iconButton, memory, on, emit, part, roving } = Easel;
  const desks = new Map();
  /* `kept` is what this page remembers. The browser's memory is read once: later another window may have written to it. */
  const desk = (key) => desks.get(key) || desks.set(key, { fields: new Map(), key, kept: memory.read('desk.' + key, {}) }).get(key);

  /** field = {get, set(value) -> void, replace?}; `set` ignores values that no longer exist. `replace` is a `set` that can be taken back.
      Restores what the browser remembers. */
  function enlist(key, name, field) {
    const box = desk(key);
    box.fields.set(name, field);
    /* Gradio puts its own first values into components while it starts, on a slow computer for seconds. Whatever a person
       chooses is remembered at once, so a value that differs from what is remembered is Gradio's, and gives way. */
    const end = performance.now() + 8000;
    const restore = (first) => {
      const kept = box.kept, before = JSON.stringify(field.get());
      if (name in kept && JSON.stringify(kept[name]) !== before) field.set(kept[name]);
      if (first || JSON.stringify(field.get()) !== before) emit(`field:${key}:${name}`, field.get());
      if (performance.now() < end) setTimeout(restore, 200, false);
    };
    setTimeout(restore, 0, true);
  }
  function changed(key, name, value) {
    desk(key).kept[name] = value;
    memory.write('desk.' + key, { ...memory.read('desk.' + key, {}), [name]: value });
    emit(`field:${key}:${name}`, value);
  }
  /** Put values into the desk's fields; names that are absent keep what they have. */
  function fill(key, values) {
    const box = desk(key);
    const order = Object.keys(values).sort((a, b) => (b === 'model') - (a === 'model'));
    for (const name of order) {
      const field = box.fields.get(name);
      if (field) { (field.replace || field.set)(values[name]); changed(key, name, field.get()); }
    }
  }
  const value = (key, name) => desk(key).fields.get(name)?.get();
  /** What the list of models says of the one chosen. */
  const modelOf = (key) => desk(key).fields.get('model')?.options().find((o) => o.value === value(key, 'model'));
  Object.assign(Easel, { desk, enlist, changed, fill, fieldValue: value });

  const caption = (id, text, term) => h('p.cap', { id }, text, term && h('small', {}, ' · ' + term));
  let serial = 0;
  const fresh = (stem) => `e-${stem}-${++serial}`;

  /* gr.Textbox: the page's own box, driven through the DOM. */
  part('text', ({ props }) => {
    const { desk: key, name, target } = props;
    const find = () => document.querySelector(target + ' textarea, ' + target + ' input');
    let filled = ''; /* what the page itself has put here last; all else are a person's words */
    function put(text) { const area = find(); if (!area || typeof text !== 'string') return; area.value = text; area.dispatchEvent(new Event('input', { bubbles: true })); }
    const start = () => {
      const box = find();
      if (!box) { setTimeout(start, 60); return; }
      box.dir = 'auto';
      box.addEventListener('input', () => changed(key, name, box.value));
      enlist(key, name, {
        get: () => find()?.value ?? '',
        set: put,
        /** Puts other words in place of what stands here. There is a way back: Ctrl+Z in the field, else a button. */
        replace(text) {
          const area = find(), lost = area?.value;
          if (typeof text !== 'string' || lost === text) return;
          if (area && area === document.activeElement) { area.select(); document.execCommand(text ? 'insertText' : 'delete', false, text); } else put(text);
          if (name === 'prompt' && lost?.trim() && lost !== filled && area !== document.activeElement) Easel.toast('The prompt was replaced.', { label: 'Undo', act: () => put(lost) }, 10);
          filled = text;
        },
      });
    };
    start();
  });

  /* Style cards: a radio group of pictures with a search and groups. */
  part('cards', ({ element, props, watch }) => {
    const key = props.desk, name = props.name, none = { name: '', title: 'No style', group: '' };
    const list = h('div.cards', { role: 'radiogroup', 'aria-label': props.label, tabindex: '-1' });
    const empty = h('p.quiet', { hidden: true }, 'No style by that name.');
    const find = h('input.find', { type: 'search', placeholder: 'Find a style', 'aria-label': 'Find a style', autocomplete: 'off' });
    const groups = h('div.chips', { role: 'group', 'aria-label': 'Kinds of style' });
    let group = '';
    const card = (style) => {
      const picture = style.name ? h('span.face', { 'data-initial': [...style.title][0] }) : h('span.face.plain', {}, icon('spark', 26));
      picture.style.setProperty('--hue', style.hue || 0);
      if (style.src) picture.append(h('img', { src: style.src, alt: '', loading: 'lazy', decoding: 'async', onerror: (e) => e.target.remove() }));
      return h('button.card', { role: 'radio', 'data-v': style.name, 'aria-label': style.title, title: style.title, onclick: () => choose(style.name) }, picture, h('span.name', {}, style.title));
    };
    function mark() {
      const nodes = [...list.querySelectorAll('[role=radio]')], chosen = nodes.find((node) => node.dataset.v === (props.value || ''));
      const stop = chosen && !chosen.hidden ? chosen : nodes.find((node) => !node.hidden); /* where Tab comes to, also after a search */
      nodes.forEach((node) => { node.setAttribute('aria-checked', node === chosen); node.tabIndex = node === stop ? 0 : -1; });
    }
    const known = (style) => style === '' || props.options.some((option) => option.name === style);
    function choose(style) { if (!known(style)) return; props.value = style; mark(); changed(key, name, style); }
    function sift() {
      const words = find.value.trim().toLowerCase();
      let shown = 0;
      list.querySelectorAll('[role=radio]').forEach((node) => {
        const option = node.easel;
        const fits = (!group || option.group === group) && (!words || (option.title + ' ' + option.group).toLowerCase().includes(words));
        node.hidden = !(fits || (option.name === '' && !words && !group)); shown += node.hidden ? 0 : 1;
      });
      empty.hidden = shown > 0; mark();
      groups.querySelectorAll('button').forEach((b) => b.setAttribute('aria-pressed', b.dataset.g === group));
    }
    function build() {
      const options = [none, ...props.options.map((o) => ({ ...o, title: o.title || o.name }))];
      list.replaceChildren(...options.map((option) => Object.assign(card(option), { easel: option })));
      const names = [...new Set(props.options.map((o) => o.group).filter(Boolean))];
      groups.replaceChildren(...['', ...names].map((g) => h('button.chip', { 'data-g': g, onclick: () => { group = g; sift(); list.scrollTo({ top: 0, left: 0 }); } }, g || 'All')));
      groups.hidden = names.length < 2; find.hidden = props.options.length < 8;
      sift();
    }
    find.oninput = sift;
    roving(list, '[role=radio]', (node) => choose(node.dataset.v));
    element.replaceChildren(h('div.fieldhead', {}, caption(fresh('cap'), props.label), find), groups, list, empty);
    build();
    watch('options', build); watch('value', mark);
    /** Brings the chosen card into sight within the list; the page stays where it is. */
    function show() { const box = list.querySelector('[aria-checked=true]'); if (box) list.scrollTo({ left: box.offsetLeft - list.offsetLeft - 40, top: box.offsetTop - list.offsetTop - 40 }); }
    enlist(key, name, { get: () => props.value || '', set(style) { choose(style || ''); show(); } });
    new IntersectionObserver((entries, once) => { if (entries[0].isIntersecting) { once.disconnect(); show(); } }).observe(list);
    on(`show:${key}`, show);
  });

  /* A row of choices: shapes, counts, formats. options: [{value, title, ratio?}] */
  part('choice', ({ element, props, trigger, watch }) => {
    const key = props.desk, name = props.name, id = fresh('cap');
    const row = h('div.choice', { role: 'radiogroup', 'aria-labelledby': id });
    if (props.kind) row.classList.add(props.kind);
    const extra = [];
    const build = () => {
      row.replaceChildren(...[...props.options, ...extra].map((option) => {
        const node = h('button', { role: 'radio', 'data-v': String(option.value), 'aria-label': option.spoken || option.title, title: option.spoken || option.title, onclick: () => choose(option.value, true) });
        if (option.ratio) { const box = h('em', { 'aria-hidden': 'true' }); box.style.aspectRatio = option.ratio; const [w, t] = option.ratio.split('/').map(Number); box.style[w >= t ? 'width' : 'height'] = '24px'; node.append(h('span.outline', {}, box)); }
        node.append(h('span', {}, option.title));
        return Object.assign(node, { easel: option.value });
      }));
      mark();
    };
    const mark = () => row.querySelectorAll('[role=radio]').forEach((node) => {
      const chosen = node.dataset.v === String(props.value);
      node.setAttribute('aria-checked', chosen); node.tabIndex = chosen ? 0 : -1;
    });
    const known = (v) => [...props.options, ...extra].some((option) => String(option.value) === String(v));
    function choose(v, tell) {
      if (!known(v) && props.custom && /^\d{2,5}x\d{2,5}$/.test(String(v))) {
        extra.splice(0, 1, { value: v, title: String(v).replace('x', ' × '), ratio: String(v).replace('x', '/') }); build();
      }
      if (!known(v) && Number.isInteger(v) && props.numbers) { extra.splice(0, 1, { value: v, title: String(v) }); build(); }
      if (!known(v)) return;
      props.value = [...props.options, ...extra].find((option) => String(option.value) === String(v)).value;
      mark();
      if (key) changed(key, name, props.value);
      if (tell) trigger('input', { value: props.value });
    }
    roving(row, '[role=radio]', (node) => choose(node.easel, true));
    element.replaceChildren(caption(id, props.label, props.term), row, props.hint ? h('p.quiet', {}, props.hint) : '');
    build();
    watch('value', mark); watch('options', build);
    if (key) enlist(key, name, { get: () => props.value, set: (v) => choose(v, false) });
  });

  /* Options that all desks share, by name: their fields read Easel.lists and hear 'lists' when others came. */
  part('lists', ({ props, watch }) => {
    const share = () => { Easel.lists = props.options; emit('lists'); };
    watch('options', share); share();
  });

  /* A list to pick from: the browser's own, which phones and screen readers know best.
     options: [{value, title, note?}], or which of the shared lists. */
  part('pick', ({ element, props, watch }) => {
    const key = props.desk, name = props.name, id = fresh('pick');
    const select = h('select', { id, 'aria-label': props.label });
    const label = h('label.cap', { for: id }, props.label, props.term && h('small', {}, ' · ' + props.term));
    const options = () => (Array.isArray(props.options) ? props.options : Easel.lists?.[props.options] || []);
    const build = () => {
      select.replaceChildren(...options().map((o) => h('option', { value: o.value, disabled: !!o.disabled }, o.note ? `${o.title} · ${o.note}` : o.title)));
      if (!options().some((o) => o.value === props.value) && options().length) { props.value = options()[0].value; changed(key, name, props.value); }
      select.value = props.value ?? '';
    };
    const choose = (v) => { if (!options().some((o) => o.value === v && !o.disabled)) return; props.value = v; select.value = v; changed(key, name, v); };
    select.onchange = () => choose(select.value);
    element.replaceChildren(h('div.pick', {}, label, h('span.selectbox', {}, select, icon('down', 16))));
    build();
    on('lists', () => { build(); emit(`options:${key}:${name}`); });
    watch('value', () => { select.value = props.value ?? ''; });
    enlist(key, name, { get: () => props.value, set: (v) => choose(v ?? ''), options });
  });

  /* A slider that may also say nothing: null means "as the model likes it". */
  part('slide', ({ element, props, watch }) => {
    const key = props.desk, name = props.name, id = fresh('slide');
    const range = h('input', { type: 'range', id, min: props.min, max: props.max, step: props.step, 'aria-label': props.label });
    const exact = h('input.exact', { type: 'number', min: props.min, max: props.max, step: props.step, inputmode: 'decimal', 'aria-label': 'Exact value' });
    const auto = h('button.auto', { onclick: () => choose(null) }, 'Automatic');
    const label = h('label.cap', { for: id }, props.words || props.label, props.words && h('small', {}, ' · ' + props.term));
    const said = () => (typeof props.value === 'number' ? props.value : null);
    const usual = () => modelOf(key)?.[name] ?? props.usual;
    const paint = () => {
      const shown = said() ?? usual();
      range.value = shown;
      if (document.activeElement !== exact) exact.value = shown; /* nobody's half-typed number is taken away */
      range.style.setProperty('--fill', ((shown - props.min) / (props.max - props.min)) * 100 + '%');
      range.setAttribute('aria-valuetext', said() === null ? `${shown}, automatic` : String(shown));
      auto.setAttribute('aria-pressed', said() === null); auto.title = `What the model likes best: ${usual()}`;
    };
    const snap = (v) => Math.min(props.max, Math.max(props.min, Math.round(v / props.step) * props.step));
    function choose(v) {
      if (v !== null && !Number.isFinite(Number(v))) return;
      props.value = v === null ? null : Number(snap(Number(v)).toFixed(2)); paint(); changed(key, name, props.value);
    }
    range.oninput = () => choose(range.value);
    exact.onblur = paint;
    exact.onchange = () => (exact.value === '' ? choose(null) : choose(exact.value));
    element.replaceChildren(h('div.slide', {}, label, auto, range, exact));
    paint();
    on(`field:${key}:model`, paint); on(`options:${key}:model`, paint);
    watch('value', paint);
    enlist(key, name, { get: said, set: (v) => choose(typeof v === 'number' ? v : null) });
  });

  /* The seed: random unless locked. value = {seed, locked} */
  part('seed', ({ element, props, watch }) => {
    const key = props.desk, name = props.name, id = fresh('seed'), top = 2 ** 32;
    const box = h('input', { type: 'text', id, inputmode: 'numeric', pattern: '[0-9]*', autocomplete: 'off', placeholder: 'Random', 'aria-label': props.label });
    const lock = h('button.ib', { onclick: () => choose({ ...now(), locked: !now().locked && now().seed !== null }) });
    const dice = iconButton('dice', 'Roll a new seed', () => choose({ seed: Math.floor(Math.random() * top), locked: true }));
    const hint = h('p.quiet');
    const now = () => (props.value && typeof props.value === 'object' ? props.value : { seed: null, locked: false });
    const paint = () => {
      const { seed, locked } = now();
      if (document.activeElement !== box) box.value = seed === null ? '' : String(seed);
      box.classList.toggle('loose', !locked);
      lock.replaceChildren(icon(locked ? 'lock' : 'unlock'));
      lock.setAttribute('aria-pressed', locked); lock.setAttribute('aria-label', 'Keep this seed'); lock.title = locked ? 'Kept: the same seed each time' : 'Keep this seed';
      hint.textContent = locked ? 'Kept. The same words draw the same picture.' : seed === null ? 'A new one each time.' : 'The last one used. A new one each time.';
    };
    function choose(v) { props.value = v; paint(); changed(key, name, v); }
    box.onblur = paint;
    box.onchange = () => {
      const digits = box.value.replace(/\D/g, '');
      choose(digits === '' ? { seed: null, locked: false } : { seed: Math.min(top - 1, Number(digits)), locked: true });
    };
    element.replaceChildren(h('div.seed', {}, h('label.cap', { for: id }, props.label), h('div.row', {}, box, lock, dice), hint));
    paint(); watch('value', paint);
    enlist(key, name, {
      get: now,
      set(v) {
        if (Number.isInteger(v)) choose({ seed: v, locked: true });
        else if (v === null || v === undefined) choose({ seed: null, locked: false });
        else if (typeof v === 'object' && (v.seed === null || Number.isInteger(v.seed))) choose({ seed: v.seed, locked: !!v.locked && v.seed !== null });
      },
      used(seed) { if (!now().locked) choose({ seed, locked: false }); },
    });
  });

  /* LoRAs of the shared lists with their weights. value = [{id, weight}] */
  part('loras', ({ element, props, watch }) => {
    const key = props.desk, name = props.name;
    const rows = h('div.loras');
    const now = () => (Array.isArray(props.value) ? props.value : []);
    const fitting = () => { const kind = modelOf(key)?.kind; return (Easel.lists?.loras || []).filter((o) => kind === undefined || o.kinds.includes(kind)); };
    const say = (v) => { props.value = v; changed(key, name, v); };
    function row(use, index) {
      const number = index ? ` ${index + 1}` : '', weightId = fresh('weight'), pickId = fresh('lora');
      const select = h('select', { id: pickId, 'aria-label': 'LoRA' + number }, h('option', { value: '' }, fitting().length ? 'None' : 'None for this model yet'), fitting().map((o) => h('option', { value: o.value }, o.title)));
      select.value = use ? use.id : '';
      const weight = h('input', { type: 'range', id: weightId, min: -2, max: 2, step: 0.05, value: use ? use.weight : 1, 'aria-label': `LoRA${number} weight`, disabled: !use });
      const shown = h('output', { for: weightId }, String(use ? use.weight : 1));
      weight.oninput = () => { shown.textContent = Number(weight.value).toFixed(2).replace(/\.?0+$/, ''); fillBar(); say(now().map((u, i) => (i === index ? { ...u, weight: Number(weight.value) } : u))); };
      const fillBar = () => weight.style.setProperty('--fill', ((Number(weight.value) + 2) / 4) * 100 + '%');
      fillBar();
      select.onchange = () => {
        const next = now().slice();
        if (!select.value) next.splice(index, 1); else next[index] = { id: select.value, weight: use ? use.weight : 1 };
        say(next); build(); rows.querySelectorAll('select')[index]?.focus();
      };
      return h('div.lora', {}, h('label.cap', { for: pickId }, 'LoRA' + number, h('small', {}, ' · small add-on model')), h('span.selectbox', {}, select, icon('down', 16)),
        h('div.weight', { hidden: !use }, h('label.cap', { for: weightId }, 'Weight'), weight, shown),
        use && spell(use.id) ? h('p.quiet', {}, `Say “${spell(use.id)}” in the prompt.`) : '');
    }
    const spell = (id) => (Easel.lists?.loras || []).find((o) => o.value === id)?.trigger;
    function build() {
      const fits = new Set(fitting().map((o) => o.value));
      const kept = now().filter((use) => fits.has(use.id));
      if (kept.length !== now().length) say(kept);
      rows.replaceChildren(...kept.map(row), ...(kept.length < 6 && (fits.size > kept.length || !kept.length) ? [row(null, kept.length)] : []));
    }
    element.replaceChildren(rows);
    if (!Array.isArray(props.value)) props.value = [];
    build();
    on('lists', build); watch('value', build); on(`field:${key}:model`, build); on(`options:${key}:model`, build);
    enlist(key, name, { get: now, options: () => Easel.lists?.loras || [], set(v) { if (!Array.isArray(v)) return; props.value = v.filter((u) => u && typeof u.id === 'string').map((u) => ({ id: u.id, weight: Number(u.weight ?? 1) })); build(); } });
  });

  /* A fold for what is seldom needed; what it folds stays on the page. */
  part('fold', ({ element, props }) => {
    const key = 'fold.' + props.target;
    const button = h('button.fold', { 'aria-controls': props.target }, icon('sliders', 18), h('span', {}, props.label), icon('down', 18));
    const set = (open) => {
      button.setAttribute('aria-expanded', open); memory.write(key, open);
      const panel = document.getElementById(props.target);
      if (panel) panel.classList.toggle('folded', !open); else setTimeout(() => set(open), 60);
    };
    button.onclick = () => {
      const open = button.getAttribute('aria-expanded') !== 'true';
      set(open);
      if (open) button.scrollIntoView({ block: 'start', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
    };
    element.replaceChildren(button);
    set(memory.read(key, false) === true);
  });
})();
