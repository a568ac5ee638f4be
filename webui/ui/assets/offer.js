/* One quiet line about a better model: offered, coming, here, or why not. The words come ready from the server. */
(() => {
  const { h, on, part, post, announce, trouble } = Easel;

  part('offer', ({ element, props, trigger }) => {
    const key = props.desk;
    const words = h('span'), note = h('small'), fill = h('i');
    const bar = h('div.thin', { role: 'progressbar', 'aria-label': 'Download', 'aria-valuemin': 0, 'aria-valuemax': 100 }, fill);
    const acts = h('div.offeracts');
    const line = h('section.offer', { 'aria-label': 'A better model', hidden: true }, h('p', {}, words, note), acts, bar);
    element.replaceChildren(line);
    let state = '', shown = '', spoken = '', wanted = '';

    const send = (path) => post(path).catch(trouble);
    /* The second half of a double click would hit the button that came in place of the first. */
    const button = (label, kind, act) => h('button.btn' + kind, { onclick: (event) => { if (event.detail < 2) act(); } }, label);
    const start = (id) => send(`/downloads/${encodeURIComponent(id)}/start`);
    const decline = (label) => button(label, '.calm', () => send('/downloads/decline'));

    /** Chooses the model; if the list of models does not know it yet, as soon as it does. */
    function use(id) {
      const list = Easel.desk(key).fields.get('model');
      if (!list?.options().some((option) => option.value === id)) { wanted = id; trigger('refresh', {}); return; }
      wanted = '';
      Easel.fill(key, { model: id });
      announce(`${shown} is chosen.`);
      send('/downloads/decline');
      document.querySelector(`#${key}-prompt textarea`)?.focus();
    }

    function buttons(offer) {
      if (offer.state === 'coming') return [button('Stop', '.calm', () => send('/downloads/stop'))];
      if (offer.state === 'here') return [offer.card ? button('Use it', '.main', () => use(offer.card)) : '', decline('Close')];
      return [offer.get ? button(offer.get_label, offer.state === 'offered' ? '.main' : '', () => start(offer.get)) : '', decline('Not now')];
    }

    function draw(offer) {
      const is = offer ? offer.state : '';
      const changed = is !== state || (offer && offer.get_label !== acts.dataset.label);
      line.hidden = !offer;
      if (!offer) { state = is; return; }
      shown = offer.title;
      if (words.textContent !== offer.words) words.textContent = offer.words;
      note.textContent = offer.licence && 'License: ' + offer.licence; note.title = offer.terms; note.hidden = !offer.licence;
      bar.hidden = is !== 'coming';
      fill.style.width = offer.percent + '%'; bar.setAttribute('aria-valuenow', offer.percent); bar.setAttribute('aria-valuetext', offer.words);
      if (!changed) return;
      const held = line.contains(document.activeElement);
      line.dataset.state = is; acts.dataset.label = offer.get_label;
      acts.replaceChildren(...buttons(offer).filter(Boolean));
      if (held) acts.querySelector('button')?.focus();
      if (is === 'here' && state !== is) trigger('refresh', {});
      state = is;
    }

    /** A quarter of the way is worth a word to who does not see the bar; each percent is not. */
    function speak(offer) {
      const tag = offer ? offer.state + (offer.state === 'coming' ? Math.floor(offer.percent / 25) : '') : '';
      if (tag && tag !== spoken) announce(offer.words);
      spoken = tag;
    }

    on('live', (now) => { draw(now.offer); speak(now.offer); });
    on(`options:${key}:model`, () => { if (wanted) use(wanted); });
    draw(Easel.live.now().offer);
  });
})();
