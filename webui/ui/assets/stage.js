/* The stage: the running job as it grows, the picture it became, and what can be done with that. */
(() => {
  const { h, icon, iconButton, on, emit, part, post, announce, trouble, roving, picture: act } = Easel;
  const BUSY = ['queued', 'loading', 'running'];
  const QUICK = 400; /* ms; two clicks within it are a double click, which means one picture */
  const clear = (pictures) => (pictures || []).filter((p) => !act.gone.has(p.id));

  /** Shows one picture after another in `image`, one download at a time; what was overtaken is skipped. */
  function courier(image) {
    let busy = false, next = null, current = '', turn = 0;
    const show = (src) => {
      if (src === current) { next = null; return; }
      if (busy) { next = src; return; }
      current = src;
      if (image.getAttribute('src') === src) { image.hidden = false; return; } /* it was cleared away only, and the line may be gone */
      busy = true; const mine = turn;
      const load = new Image();
      const done = (ok) => { if (mine !== turn) return; busy = false; if (ok) { image.src = src; image.hidden = false; } else { current = ''; } if (next !== null) { const n = next; next = null; show(n); } };
      load.onload = () => done(true); load.onerror = () => done(false);
      load.src = src;
    };
    return { show, clear() { turn += 1; busy = false; current = ''; next = null; image.hidden = true; } };
  }

  part('stage', ({ element, props, trigger }) => {
    const key = props.desk;
    let picked = '', job = '', made = '', was = 'idle', dismissed = '', asked = -QUICK, seen = '', lost = '';
    const own = new Set(); /* the jobs that this desk has submitted */
    const image = h('img.pic', { alt: '', hidden: true });
    const fill = h('i'), bar = h('div.bar', { role: 'progressbar', 'aria-label': 'Progress', 'aria-valuemin': 0, 'aria-valuemax': 100, hidden: true }, fill);
    const words = h('span'), caption = h('figcaption', { hidden: true }, h('i.pulse'), words);
    const open = h('button.open', { 'aria-label': 'View full screen', onclick: () => { const p = shown(); if (p) act.view(known(), p.id); } }, image);
    const figure = h('figure', {}, open, bar, caption);
    const fit = h('div.fit', { hidden: true }, figure);
    const empty = h('div.empty', {}, h('span.glow', { 'aria-hidden': 'true' }, icon('spark', 34)), h('h2', {}, 'Describe a picture to begin'), h('p', {}, 'Write an idea below, or tap one of these.'),
      h('div.ideas', { role: 'group', 'aria-label': 'Ideas' }, (props.ideas || []).map((text) => h('button', { onclick: () => idea(text) }, text))), props.note ? h('p.note', {}, props.note) : '');
    const alert = h('div.fault', { hidden: true });
    const notes = h('p.notes', { role: 'status', hidden: true });
    const rail = h('div.rail', { role: 'group', 'aria-label': 'Pictures', hidden: true });
    const tools = h('div.tools', { role: 'toolbar', 'aria-label': 'This picture', hidden: true });
    const queue = h('div.queue', { role: 'list', 'aria-label': 'Waiting', hidden: true });
    const drop = h('div.drop', { 'aria-hidden': 'true' }, icon('image', 34), h('b', {}, 'Drop a picture to use its settings'));
    const stage = h('section.stage', { 'aria-label': 'Result', 'data-state': 'idle', 'data-job': '' }, h('div.view', {}, empty, fit, alert, drop), rail);
    const keys = /Mac|iPhone|iPad/.test(navigator.platform) ? '⌘' : 'Ctrl';
    const hint = h('p.hint', {}, matchMedia('(pointer: coarse)').matches ? '' : [h('kbd', {}, 'Enter'), ' draws, ', h('kbd', {}, 'Shift'), ' + ', h('kbd', {}, 'Enter'), ' begins a new line. '], h('kbd', {}, keys), ' + ', h('kbd', {}, 'Enter'), ' draws from any field. Drop a picture here to use its settings.');
    element.replaceChildren(stage, h('div.under', {}, queue, notes, tools, hint));
    const mail = courier(image);

    function idea(text) {
      Easel.fill(key, { prompt: text });
      const box = document.querySelector(`#${key}-prompt textarea`);
      if (box) { if (matchMedia('(pointer: fine)').matches) box.focus(); announce('Prompt filled in. Press Generate.'); }
      const go = document.getElementById(key + '-go'); if (go) { go.classList.remove('nudge'); void go.offsetWidth; go.classList.add('nudge'); }
    }
    const known = () => { const now = Easel.live.now(), seen = new Set(); return [...clear(now.pictures), ...clear(now.recent)].filter((p) => !seen.has(p.id) && seen.add(p.id)); };
    const shown = () => {
      const now = Easel.live.now();
      if (picked) { const p = known().find((p) => p.id === picked); if (p) return p; picked = ''; }
      if (BUSY.includes(now.state)) return null;
      const mine = clear(now.pictures), others = clear(now.recent);
      if (mine.length) return mine[mine.length - 1];
      if (faulty(now) || (now.state === 'stopped' && now.preview)) return null;
      /* Nothing is in focus, say because what waited was cancelled or its pictures were deleted: the picture that was just made stays, else the newest is seen. */
      return others.find((p) => p.job === made) || others[0] || null;
    };
    const faulty = (now) => now.state === 'error' && now.job !== dismissed;
    /** Whose picture has gone looks at the one beside it; who takes that back looks at theirs again. */
    function stepAside({ deleted, restored }) {
      if (restored?.includes(lost)) { picked = lost; lost = ''; }
      if (!deleted?.includes(seen)) return;
      const row = [...rail.querySelectorAll('button')].map((tile) => tile.dataset.id), at = row.indexOf(seen), stays = (id) => id && !act.gone.has(id);
      lost = seen; picked = BUSY.includes(Easel.live.now().state) ? '' : row.slice(at + 1).find(stays) || row.slice(0, Math.max(0, at)).reverse().find(stays) || '';
    }
    const pick = (id) => { picked = id; draw(Easel.live.now()); };

    function drawTools(p) {
      tools.hidden = !p; hint.hidden = !!p || !queue.hidden;
      if (!p) { tools.replaceChildren(); tools.dataset.id = ''; return; }
      const tag = p.id + p.favourite + p.full_size;
      if (tools.dataset.id === tag) return;
      tools.dataset.id = tag;
      const held = tools.contains(document.activeElement) && document.activeElement.getAttribute('aria-label');
      const button = (name, label, fn) => h('button.tool', { onclick: fn, 'aria-label': label, title: label }, icon(name), h('span', {}, label));
      const heart = button('heart', 'Favorite', () => act.favourite(p, !p.favourite));
      heart.setAttribute('aria-pressed', !!p.favourite);
      const larger = button('expand', 'Larger', () => again(p, { larger: true })); larger.disabled = !!p.full_size; if (p.full_size) larger.title = p.full_size;
      const as = (kind, tool) => { tool.classList.add(kind); return tool; };
      tools.replaceChildren(button('download', 'Download', () => act.download(p)), larger,
        ...(props.onward || []).map((target) => button(target.icon || 'use', target.label, () => emit('onward', { tab: target.tab, picture: p }))),
        as('roomy', button('again', 'Same again', () => again(p))), button('vary', 'Vary', () => again(p, { vary: true })), as('terse', heart),
        as('roomy', button('cut', 'Cut out', (event) => act.cutOut(p.id, event.currentTarget))), as('terse', button('info', 'Info', () => act.info(p.id))), as('terse', button('bin', 'Delete', () => act.remove([p.id]))));
      if (held) tools.querySelector(`[aria-label="${held}"]`)?.focus();
    }
    function again(p, how = {}) {
      const since = performance.now() - asked; asked += since;
      if (since < QUICK) return;
      picked = ''; Easel.live.hope(p.prompt, 1); trigger('again', { id: p.id, ...how });
    }

    function drawRail(now) {
      const mine = clear(now.pictures), busy = BUSY.includes(now.state), chosen = shown()?.id || '';
      const others = clear(now.recent).filter((p) => !mine.some((m) => m.id === p.id));
      const live = busy ? [{ id: '', live: true }] : [];
      const slots = busy ? Array.from({ length: Math.max(0, (now.count || 1) - mine.length - 1) }, (_, i) => ({ id: 'slot' + i, slot: true })) : [];
      const all = [...mine, ...live, ...slots, ...others];
      const tag = all.map((p) => p.id).join() + '|' + mine.length;
      if (rail.dataset.tag !== tag) {
        rail.dataset.tag = tag;
        const held = rail.contains(document.activeElement) ? document.activeElement.dataset.id : null;
        rail.replaceChildren(...all.map((p, i) => {
          if (p.slot) return h('span.slot', { 'aria-hidden': 'true' });
          const tile = h('button', { 'data-id': p.id, 'aria-label': p.live ? 'The picture being drawn' : `Show: ${p.prompt}`, onclick: () => pick(p.id) });
          if (p.live) tile.append(h('span.ring', {}, h('b', {}, '')));
          else tile.append(h('img', { src: p.thumb, alt: '', loading: 'lazy', decoding: 'async' }));
          if (i === mine.length + live.length + slots.length && i > 0) tile.classList.add('older');
          return tile;
        }));
        if (held !== null) rail.querySelector(`button[data-id="${CSS.escape(held)}"]`)?.focus();
      }
      rail.hidden = all.length < 2 && !others.length;
      rail.querySelectorAll('button').forEach((tile) => tile.setAttribute('aria-current', tile.dataset.id === chosen));
      const ring = rail.querySelector('.ring');
      if (ring) { ring.style.setProperty('--at', Math.round((now.fraction || 0) * 100) + '%'); ring.firstChild.textContent = now.count > 1 ? `${(now.index || 0) + 1}/${now.count}` : ''; }
    }
    function drawQueue(now) {
      const waiting = now.waiting || [];
      queue.hidden = !waiting.length;
      const tag = waiting.map((w) => w.job + w.position).join();
      if (queue.dataset.tag === tag) return;
      queue.dataset.tag = tag;
      queue.replaceChildren(...waiting.map((w) => h('span.waiter', { role: 'listitem', title: w.prompt }, h('small', {}, 'waiting'), h('span', { dir: 'auto' }, w.prompt),
        iconButton('close', `Cancel: ${w.prompt}`, () => post(`/jobs/${w.job}/stop`).catch(trouble)))),
      waiting.length > 1 ? h('span', { role: 'listitem' }, h('button.btn', { onclick: () => post('/jobs/stop').catch(trouble) }, 'Stop all')) : '');
    }
    function drawFault(now) {
      const fault = faulty(now) && !picked ? now.fault || { message: 'Something went wrong.', hint: 'Try once more.' } : null;
      alert.hidden = !fault;
      if (!fault) { alert.replaceChildren(); alert.removeAttribute('role'); alert.dataset.job = ''; return; }
      if (alert.dataset.job === now.job) return;
      alert.dataset.job = now.job; alert.setAttribute('role', 'alert');
      alert.replaceChildren(h('h2', {}, fault.message), fault.hint ? h('p', {}, fault.hint) : '',
        h('div.row', {}, fault.fix ? h('button.btn.main', { onclick: () => fix(now.job) }, fault.fix_label || 'Fix it and try again') : '',
          h('button.btn', { onclick: () => { dismissed = now.job; draw(Easel.live.now()); } }, 'Dismiss')));
    }
    function fix(id) { Easel.live.hope(Easel.live.now().prompt, 1); post(`/jobs/${id}/fix`).then((made) => own.add(made.job)).catch((error) => { Easel.live.giveUp(); trouble(error); }); }

    function draw(now) {
      if (now.job !== job || (BUSY.includes(now.state) && !BUSY.includes(was))) { if (now.job !== job) mail.clear(); picked = ''; job = now.job; }
      if ((now.pictures || []).length) made = now.job;
      const busy = BUSY.includes(now.state), p = shown(), following = !picked;
      stage.dataset.state = now.state; stage.dataset.job = now.job || '';
      drawFault(now);
      const failed = !alert.hidden;
      const show = !failed && (busy || p || (now.state === 'stopped' && now.preview));
      empty.hidden = show || failed; fit.hidden = !show;
      const ratio = p ? p.width / p.height : now.width && now.height ? now.width / now.height : Number(getComputedStyle(figure).getPropertyValue('--ratio')) || 1;
      figure.style.setProperty('--ratio', ratio);
      seen = p ? p.id : '';
      if (p) { mail.show(p.src); image.alt = p.prompt; }
      else if (busy || now.state === 'stopped') { if (now.preview) { mail.show(now.preview); image.alt = `${now.prompt || ''}, being drawn`; } else if (!clear(now.pictures).length) mail.clear(); else { const l = clear(now.pictures); mail.show(l[l.length - 1].src); image.alt = now.prompt; } }
      open.disabled = !p; figure.classList.toggle('rough', !p); figure.classList.toggle('blank', image.hidden && busy);
      bar.hidden = !(busy && following);
      const percent = Math.round((now.fraction || 0) * 100);
      fill.style.width = percent + '%'; bar.classList.toggle('unsure', now.state !== 'running' && percent === 0);
      bar.setAttribute('aria-valuenow', percent); bar.setAttribute('aria-valuetext', now.text || percent + ' percent');
      caption.hidden = !(following && (busy || now.state === 'stopped') && now.text);
      if (words.textContent !== (now.text || '')) words.textContent = now.text || '';
      const told = (now.notes || []).filter((note) => !props.kept || !/byte for byte/i.test(note)).join(' '); notes.hidden = !told; if (told && notes.textContent !== told) notes.textContent = told;
      drawRail(now); drawQueue(now); drawTools(failed ? null : p);
      const stop = document.getElementById(key + '-stop'); if (stop) stop.classList.toggle('idle', !(busy || (now.waiting || []).length));
      if (now.state !== was || busy) speak(now);
      if (now.state === 'done' && was !== 'done' && was !== 'idle' && own.has(now.job) && clear(now.pictures).length) Easel.desk(key).fields.get('seed')?.used?.(now.pictures[0].seed);
      was = now.state;
    }
    let tenth = -1;
    function speak(now) {
      if (now.state !== was) { tenth = -1; announce({ queued: now.text, loading: now.text || 'Loading the model.', running: 'Drawing.', done: 'Done. ' + (now.prompt || ''), stopped: 'Stopped.', error: '' }[now.state], true); return; }
      const t = Math.floor((now.fraction || 0) * 4);
      if (now.state === 'running' && t !== tenth && t > 0) { tenth = t; announce(`${t * 25} percent. ${now.text || ''}`, true); }
    }
    roving(rail, 'button', (tile) => tile.click());
    on('live', draw);
    on('reply:' + key, ({ job: id }) => { if (id) own.add(id); });
    on('pictures', (what) => { stepAside(what); draw(Easel.live.now()); });
    draw(Easel.live.now());
    deskKeys(key, element);
  });

  /* Keys and clicks of a desk: Ctrl+Enter, instant feedback, Stop, and a picture dropped on it. */
  function deskKeys(key, element) {
    const byId = (name) => document.getElementById(`${key}-${name}`);
    const panel = () => document.getElementById(`${key}-desk`);
    document.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
      const go = byId('go'), typed = event.target;
      if (!go || !go.offsetParent || document.querySelector('dialog[open]')) return;
      event.preventDefault();
      if (event.repeat) return;
      /* A field hears of what was typed when it is left, which has not happened yet; Gradio then takes a moment. */
      if (!typed.matches?.('input[type=number], input[type=text]')) { go.click(); return; }
      typed.dispatchEvent(new Event('change', { bubbles: true })); setTimeout(() => go.click(), 60);
    });
    document.addEventListener('click', (event) => {
      if (event.target.closest(`#${key}-go`)) {
        if (event.detail > 1) { event.preventDefault(); event.stopImmediatePropagation(); return; } /* of a double click: one picture */
        emit('notice:' + key, null); Easel.live.hope(Easel.fieldValue(key, 'prompt') || '', Number(Easel.fieldValue(key, 'count')) || 1); if (innerWidth < 1024) scrollTo({ top: 0, behavior: 'smooth' });
      }
      if (event.target.closest(`#${key}-stop`)) stop();
    }, true);
    let stopping = false;
    function stop() {
      const now = Easel.live.now(), first = (now.waiting || [])[0];
      if (now.hoped && Easel.line.drop()) { Easel.live.giveUp(); return; }
      const job = BUSY.includes(now.state) ? now.job : first && first.job;
      if (!job) { stopping = true; setTimeout(() => { stopping = false; }, 5000); return; }
      announce('Stopping.');
      post(`/jobs/${job}/stop`).catch(trouble);
    }
    on('live', (now) => { if (stopping && now.job && BUSY.includes(now.state)) { stopping = false; stop(); } });
    let depth = 0;
    const over = (state) => element.querySelector('.stage').classList.toggle('dropping', state);
    const holds = (event) => [...(event.dataTransfer?.types || [])].includes('Files') && panel()?.offsetParent;
    document.addEventListener('dragenter', (event) => { if (holds(event)) { event.preventDefault(); depth += 1; over(true); } });
    document.addEventListener('dragover', (event) => { if (holds(event)) event.preventDefault(); });
    document.addEventListener('dragleave', (event) => { if (holds(event)) { depth = Math.max(0, depth - 1); over(depth > 0); } });
    document.addEventListener('drop', (event) => {
      if (!holds(event)) return;
      event.preventDefault(); depth = 0; over(false);
      const file = [...event.dataTransfer.files].find((f) => f.type.startsWith('image/') || /\.(png|jpe?g|webp)$/i.test(f.name));
      if (file) Easel.restoreFrom(key, file); else Easel.toast('Drop a PNG, JPEG or WebP picture here.');
    });
  }

  /** Hand a picture file to the hidden upload of the desk; the server reads the settings in it. */
  Easel.restoreFrom = (key, file) => {
    const input = document.getElementById(key + '-restore')?.parentElement.querySelector(':scope > input[type=file]');
    if (!input) return;
    const bag = new DataTransfer(); bag.items.add(file);
    input.files = bag.files; input.dispatchEvent(new Event('change', { bubbles: true }));
    announce('Reading the settings of the picture.');
  };

  /* What the server answers to a desk's handlers: a fault to show, fields to fill, a word to say. */
  part('reply', ({ element, props, trigger, watch }) => {
    const key = props.desk;
    const box = h('div.notice', { hidden: true });
    let waits = false; /* the box says that something was not sent */
    element.replaceChildren(box);
    const hide = () => { waits = false; box.hidden = true; box.removeAttribute('role'); box.replaceChildren(); };
    function fault(f) {
      Easel.live.giveUp();
      box.hidden = false; box.setAttribute('role', 'alert');
      box.replaceChildren(h('div', {}, h('b', {}, f.message), f.hint ? h('span', {}, ' ' + f.hint) : ''),
        f.fix && canFix(f.fix) ? h('button.btn', { onclick: () => { hide(); applyFix(f.fix); } }, f.fix_label || 'Fix it') : '', iconButton('close', 'Dismiss', hide));
    }
    const canFix = (fix) => /^(size|model|retry|refresh|count|steps|photo)(:|$)/.test(fix);
    function applyFix(fix) {
      const at = fix.indexOf(':'), name = at < 0 ? fix : fix.slice(0, at), argument = at < 0 ? '' : fix.slice(at + 1);
      if (name === 'refresh') { trigger('refresh', {}); return; }
      if (name === 'photo') { emit('choose:' + key); return; }
      Easel.fill(key, name === 'size' ? { shape: argument } : name === 'model' ? { model: argument } : name === 'count' ? { count: Number(argument) } : name === 'steps' ? { steps: Number(argument) } : {});
      setTimeout(() => document.getElementById(key + '-go')?.click(), 60);
    }
    /** Fills a tab that may only now be built; what it has no field for is left out in the end. */
    function pour(tab, fields, tries = 60) {
      const known = Easel.desk(tab).fields;
      if (tries && !Object.keys(fields).every((name) => known.has(name))) { setTimeout(() => pour(tab, fields, tries - 1), 80); return; }
      Easel.fill(tab, fields); emit('view:' + tab, 'photo'); emit('show:' + tab); scrollTo({ top: 0 });
    }
    on('notice:' + key, hide);
    on('held', (some) => {
      if (!some) { if (waits) hide(); return; }
      if (waits) return;
      waits = true; box.hidden = false; box.setAttribute('role', 'alert');
      box.replaceChildren(h('div', {}, h('b', {}, 'This was not sent: Easel cannot be reached.'), h('span', {}, ' It is sent as soon as the line is back.')),
        h('button.btn', { onclick: Easel.line.wake }, 'Try again'), iconButton('close', 'Do not send', () => { Easel.line.drop(); Easel.live.giveUp(); }));
    });
    if (props.plain !== false) on('use', (id) => { trigger('use', { id }); });
    watch('value', () => {
      const v = props.value;
      if (!v || typeof v !== 'object') return;
      if (v.fault) fault(v.fault);
      else hide();
      if (v.fields) { const tab = v.tab || props.tab; Easel.openTab(tab); pour(tab, v.fields); }
      if (v.said) Easel.toast(v.said, null, 4);
      emit('reply:' + key, v);
    });
  });
})();
(() => {
  const { h, icon, part } = Easel;
  /* A whole idea out of the hat: something somewhere. */
  part('surprise', ({ element, props }) => {
    const any = (list) => list[Math.floor(Math.random() * list.length)];
    element.replaceChildren(h('button.btn.surprise', { 'aria-label': 'Surprise me', title: 'Surprise me', onclick: () => {
      Easel.fill(props.desk, { prompt: `${any(props.subjects)} ${any(props.places)}` });
    } }, icon('dice'), h('span', {}, 'Surprise me')));
  });
})();
