/* The dock under the stage: Enter in the prompt, what was chosen elsewhere and works on, and a word about an empty prompt. */
(() => {
  const { h, icon, on, part, announce } = Easel;
  const touch = matchMedia('(pointer: coarse)');
  const promptOf = (key) => document.querySelector(`#${key}-prompt textarea`);

  /* Gradio takes Enter in the prompt for itself. Here it draws; where one types with a thumb it begins a new line. */
  const entered = (event) => event.key === 'Enter' && event.target.matches?.('.dock textarea');
  document.addEventListener('keydown', (event) => {
    const other = event.shiftKey || event.ctrlKey || event.metaKey || event.altKey;
    if (!entered(event) || other || touch.matches || event.isComposing || event.keyCode === 229) return; /* 229: an input method is not done */
    event.preventDefault();
    if (!event.repeat) event.target.closest('.dock').querySelector('.go').click();
  });
  document.addEventListener('keypress', (event) => { if (entered(event)) event.stopPropagation(); }, true);

  /* The first stop of the Tab key: past the tabs, the pictures and their tools. */
  const skip = h('a.skip', { href: '#create-prompt', onclick(event) {
    event.preventDefault();
    const seen = () => [...document.querySelectorAll('.dock textarea')].find((area) => area.offsetParent);
    if (!seen()) Easel.openTab('create');
    requestAnimationFrame(() => seen()?.focus());
  } }, 'To the prompt');
  const lay = () => document.body.prepend(skip);
  document.body ? lay() : document.addEventListener('DOMContentLoaded', lay);

  /* Style, LoRAs and a kept seed hold from picture to picture, and over a reload, where nobody sees them: each has a chip that
     takes it away. With `words` a picture without any is not drawn. */
  part('chosen', ({ element, props }) => {
    const key = props.desk, value = (name) => Easel.fieldValue(key, name);
    const chips = h('div.picked', { role: 'group', 'aria-label': 'Also chosen', hidden: true });
    const asks = h('div.asks', { hidden: true });
    element.replaceChildren(asks, chips);

    function chip(text, name, without) {
      const off = () => {
        const at = [...chips.children].indexOf(node);
        Easel.fill(key, without); announce(`Removed: ${text}.`);
        const next = chips.children[Math.min(at, chips.children.length - 1)] || (touch.matches ? null : promptOf(key));
        next?.focus();
      };
      const node = h('button.chip', { 'aria-label': `Remove ${name}`, title: `Remove ${name}`, onclick: off }, h('span', {}, text), icon('close', 14));
      return node;
    }
    function paint() {
      const style = value('style'), loras = value('loras') || [], seed = value('seed');
      const titles = new Map((Easel.desk(key).fields.get('loras')?.options?.() || []).map((o) => [o.value, o.title]));
      const rows = [style && [style, `style ${style}`, { style: '' }],
        ...loras.map(({ id }) => [titles.get(id) || id, `LoRA ${titles.get(id) || id}`, { loras: loras.filter((use) => use.id !== id) }]),
        seed?.locked && ['Same seed', 'same seed', { seed: { ...seed, locked: false } }]].filter(Boolean);
      const tag = JSON.stringify(rows);
      if (chips.dataset.tag === tag) return;
      chips.dataset.tag = tag; chips.hidden = !rows.length;
      chips.replaceChildren(...rows.map((row) => chip(...row)));
    }
    ['style', 'loras', 'seed'].forEach((name) => on(`field:${key}:${name}`, paint));
    paint();

    if (!props.words) return;
    const hush = () => { asks.hidden = true; asks.removeAttribute('role'); asks.replaceChildren(); };
    const surprise = () => document.querySelector(`#${key}-surprise .surprise`);
    function ask() {
      asks.hidden = false; asks.setAttribute('role', 'alert');
      asks.replaceChildren(h('span', {}, 'Say first what the picture should show.'), surprise() && h('button.btn', { onclick: () => { surprise().click(); if (!touch.matches) promptOf(key)?.focus(); } }, icon('dice', 18), 'Surprise me'));
      promptOf(key)?.focus();
    }
    on(`field:${key}:prompt`, (text) => { if (text.trim()) hush(); });
    addEventListener('click', (event) => {
      const area = event.target.closest?.(`#${key}-go`) && promptOf(key);
      if (!area || area.value.trim()) return;
      event.preventDefault(); event.stopImmediatePropagation(); ask();
    }, true);
  });
})();
