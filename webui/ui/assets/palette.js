/* Colours to choose from, by name, and any other. */
(() => {
  const { h, icon, memory, roving } = Easel;
  const COLOURS = [['Black', '#1d1d22'], ['Gray', '#8b8b93'], ['White', '#ffffff'], ['Red', '#d8312a'], ['Orange', '#f08a24'], ['Yellow', '#f7d53b'], ['Light green', '#9bd35a'], ['Green', '#2f8f44'],
    ['Turquoise', '#27b5a6'], ['Sky blue', '#7cc4f5'], ['Blue', '#2463c9'], ['Violet', '#7a3fc4'], ['Pink', '#f29ac0'], ['Skin', '#eebd98'], ['Brown', '#7b4a2b'], ['Sand', '#dcc389']];
  const number = (hex) => { const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)); return (0xff000000 | (b << 16) | (g << 8) | r) >>> 0; };

  /** A radio group; `chosen(colour as 0xffBBGGRR, by a person)` hears each choice, and at once what is chosen first. */
  Easel.palette = (chosen) => {
    const any = h('input', { type: 'color', 'aria-label': 'Another color', title: 'Another color' });
    const swatches = COLOURS.map(([name, hex]) => { const node = h('button', { role: 'radio', 'data-v': hex, 'aria-label': name, title: name, onclick: () => choose(hex, true) }, h('i')); node.firstChild.style.background = hex; return node; });
    const row = h('div.palette', { role: 'radiogroup', 'aria-label': 'Color' }, swatches, h('label.any', {}, any, icon('palette', 20)));
    function choose(hex, by) {
      memory.write('colour', hex);
      const known = swatches.some((b) => b.dataset.v === hex);
      swatches.forEach((b, i) => { const sure = b.dataset.v === hex; b.setAttribute('aria-checked', sure); b.tabIndex = sure || (!known && !i) ? 0 : -1; });
      any.value = hex; any.parentNode.classList.toggle('chosen', !known); any.parentNode.style.setProperty('--now', hex);
      chosen(number(hex), by);
    }
    any.oninput = () => choose(any.value, true);
    roving(row, '[role=radio]', (b) => choose(b.dataset.v, true));
    const first = memory.read('colour', '#d8312a');
    choose(/^#[0-9a-f]{6}$/.test(first) ? first : '#d8312a', false);
    return row;
  };
})();
