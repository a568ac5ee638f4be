/* Photos that come from a person: choosing, dropping, pasting, the camera; decoding what the browser can, sending, showing. */
(() => {
  const { h, icon, iconButton, on, emit, part, reach, announce, toast } = Easel;
  const ACCEPT = 'image/*,.heic,.heif,.avif,.tif,.tiff';
  const LIMIT = 95 * 2 ** 20;
  const SEND_SIDE = 2048, SHEET_SIDE = 1024;
  const NAMES = /\.(jpe?g|png|webp|avif|heic|heif|gif|tiff?|bmp)$/i;
  const looksLikePhoto = (file) => file && (file.type.startsWith('image/') || NAMES.test(file.name || ''));
  const words = (message, hint) => [message, hint].filter(Boolean).join(' ');
  const megabytes = (bytes) => (bytes / 2 ** 20).toFixed(bytes < 10 * 2 ** 20 ? 1 : 0) + ' MB';

  /** The picture in a file, upright; null when this browser cannot read it (HEIC, TIFF), which the server then does. */
  async function decode(blob) {
    const image = new Image(), url = URL.createObjectURL(blob);
    const close = () => URL.revokeObjectURL(url);
    image.src = url;
    try { await image.decode(); } catch { close(); return null; }
    if (!image.naturalWidth) { close(); return null; }
    return { source: image, width: image.naturalWidth, height: image.naturalHeight, close };
  }

  /** A canvas with the picture, at most `side` pixels long, on white. */
  function shrink({ source, width, height }, side) {
    const scale = Math.min(1, side / Math.max(width, height));
    const canvas = document.createElement('canvas');
    canvas.width = Math.max(1, Math.round(width * scale)); canvas.height = Math.max(1, Math.round(height * scale));
    const context = canvas.getContext('2d');
    context.fillStyle = '#fff'; context.fillRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingQuality = 'high';
    context.drawImage(source, 0, 0, canvas.width, canvas.height);
    return canvas;
  }

  /** What to send when the full size is of no use: a JPEG of at most SEND_SIDE, or the file itself when it is small already. */
  async function lighter(file, decoded) {
    if (!decoded) return file;
    if (Math.max(decoded.width, decoded.height) <= SEND_SIDE && file.size < 3 * 2 ** 20) return file;
    const canvas = shrink(decoded, SEND_SIDE);
    return (await new Promise((resolve) => canvas.toBlob(resolve, 'image/jpeg', 0.94))) || file;
  }

  /** Sends a photo; resolves to {id, width, height}. `progress` hears 0 to 1. `signal` gives it up. */
  function send(blob, name, progress = () => {}, signal = null, field = 'photo') {
    return new Promise((resolve, reject) => {
      if (blob.size > LIMIT) { reject(new Error(`This file has ${megabytes(blob.size)}; 95 MB is the most.`)); return; }
      const form = new FormData(), request = new XMLHttpRequest();
      form.append(field, blob, name);
      request.open('POST', `/${field}s`);
      request.upload.onprogress = (event) => { if (event.lengthComputable) progress(event.loaded / event.total); };
      request.onload = () => {
        let answer = {};
        try { answer = JSON.parse(request.responseText); } catch { /* a plain refusal */ }
        if (request.status < 300 && answer.id) { resolve(answer); return; }
        const fault = answer.error || {};
        reject(new Error(words(fault.message, fault.hint) || (request.status === 413 ? 'This file is too big.' : 'The photo could not be read.')));
      };
      request.onerror = () => reject(new Error('The line to Easel is gone. Try again in a moment.'));
      request.onabort = () => reject(Object.assign(new Error('Given up.'), { quiet: true }));
      if (signal) signal.addEventListener('abort', () => request.abort());
      request.send(form);
    });
  }

  /** A preview of something the server has: an upload, or a picture of one's own; with side 0 the thing itself, exact. */
  async function fetchPreview(id, side = SEND_SIDE) {
    const answer = await reach(`/photos/${encodeURIComponent(id)}${side ? '?side=' + side : ''}`);
    if (!answer.ok) throw Object.assign(new Error(answer.status === 404 ? 'This photo is not here any more. Choose it again.' : 'The photo could not be fetched.'), { status: answer.status });
    const decoded = await decode(await answer.blob());
    if (!decoded) throw new Error('The photo could not be shown.');
    decoded.full = [Number(answer.headers.get('X-Photo-Width')) || decoded.width, Number(answer.headers.get('X-Photo-Height')) || decoded.height];
    return decoded;
  }

  /** Photos dropped on or pasted into the visible tab of `element` go to `take`. */
  function listen(element, take) {
    const visible = () => element.isConnected && element.offsetParent !== null && !document.querySelector('dialog[open]');
    const files = (transfer) => [...((transfer && transfer.files) || [])];
    const carries = (event) => [...((event.dataTransfer && event.dataTransfer.types) || [])].includes('Files');
    let depth = 0;
    const hover = (state) => element.classList.toggle('dropping', state);
    const hear = (type, fn) => addEventListener(type, (event) => { if (visible() && carries(event)) { event.preventDefault(); event.stopImmediatePropagation(); fn(event); } }, true);
    hear('dragenter', () => { depth += 1; hover(true); });
    hear('dragover', () => {});
    hear('dragleave', () => { depth = Math.max(0, depth - 1); hover(depth > 0); });
    hear('drop', (event) => { depth = 0; hover(false); const all = files(event.dataTransfer); take(all.find(looksLikePhoto) || all[0]); });
    /* Office programs copy words, plain and styled, together with a picture of them: in a text field the words are meant. */
    const meansWords = (event) => event.target.closest?.('input, textarea, [contenteditable=true]') && ['text/plain', 'text/html'].every((type) => event.clipboardData?.types.includes(type));
    addEventListener('paste', (event) => {
      const file = visible() && !meansWords(event) && files(event.clipboardData).find(looksLikePhoto);
      if (file) { event.preventDefault(); event.stopImmediatePropagation(); take(file); }
    }, true);
  }

  /** The two hidden inputs of the system: {choose(), snap()}; `host` keeps them. Whoever asks for a photo of the desk `key` opens the first. */
  function chooser(host, key, take) {
    const input = (extra) => { const node = h('input', { type: 'file', accept: ACCEPT, class: 'sr', tabindex: '-1', 'aria-label': 'Photo', ...extra });
      node.onchange = () => { const file = node.files[0]; if (file) take(file); node.value = ''; }; host.append(node); return node; };
    const any = input({ 'data-input': 'file' }), camera = input({ capture: 'environment', accept: 'image/*', 'data-input': 'camera', 'aria-label': 'Photo from the camera' });
    const ways = { choose: () => any.click(), snap: () => camera.click() };
    on('choose:' + key, ways.choose);
    return ways;
  }

  /** The empty place that asks for a photo. */
  function well(title, text, ways) {
    return h('div.well', {}, h('span.glow', { 'aria-hidden': 'true' }, icon('image', 34)), h('h2', {}, title), h('p', {}, text),
      h('div.row', {}, h('button.btn.main', { onclick: ways.choose }, icon('folder', 18), 'Choose a photo'), h('button.btn.camera', { onclick: ways.snap }, icon('image', 18), 'Take a photo'),
        ways.blank ? h('button.btn', { onclick: ways.blank }, icon('palette', 18), 'Start with an empty sheet') : ''),
      h('p.quiet.finehint', {}, 'or drop one here, or paste it'), h('p.formats', {}, 'JPEG, PNG, WebP, AVIF, HEIC, GIF, TIFF'));
  }

  /** A thin bar and a sentence for what takes a while, and a place for one sentence when it fails. */
  function teller() {
    const fill = h('i'), bar = h('div.bar', { role: 'progressbar', 'aria-label': 'Sending the photo', 'aria-valuemin': 0, 'aria-valuemax': 100 }, fill);
    const text = h('span'), busy = h('div.sending', { hidden: true }, bar, text);
    const fault = h('div.photofault', { hidden: true });
    const hush = () => { fault.hidden = true; fault.removeAttribute('role'); fault.replaceChildren(); };
    return {
      busy, fault, hush,
      say(sentence, part = null) {
        busy.hidden = !sentence; text.textContent = sentence || '';
        bar.classList.toggle('unsure', part === null); fill.style.width = (part === null ? 100 : Math.round(part * 100)) + '%';
        if (part !== null) bar.setAttribute('aria-valuenow', Math.round(part * 100)); else bar.removeAttribute('aria-valuenow');
      },
      fail(sentence, again = null) { busy.hidden = true; fault.hidden = false; fault.setAttribute('role', 'alert'); fault.replaceChildren(h('span', {}, sentence), again ? h('button.btn', { onclick: () => { hush(); again(); } }, 'Try again') : '', iconButton('close', 'Dismiss', hush)); },
    };
  }

  const names = new Map(); /* id -> what the file was called here; the server is not told */

  /** Takes one photo at a time from file to server. `show(decoded, file)` draws it, `ready({id, width, height})` when it is there.
      The newest wins. `whole` sends the file untouched, else it may be made lighter first. When it fails, `lost(gone)` hears whether
      the server has it no more; what it could not give just now is asked for again as soon as the line is back. */
  function intake({ whole, tell, show, ready, lost }) {
    let turn = 0, control = null, missed = null, underway = false;
    const begin = () => { turn += 1; if (control) control.abort(); control = new AbortController(); missed = null; underway = true; tell.hush(); return turn; };
    const failed = (error, mine, again = null) => { if (mine !== turn || error.quiet) return; underway = false; tell.say(''); tell.fail(error.message, again); lost(error.status === 404); };
    const arrived = (known) => { underway = false; tell.say(''); ready(known); };
    on('line', (up) => { if (up && missed) source.known(missed); });
    const source = {
      /** Whether a photo is on its way. */
      busy: () => underway,
      cancel() { begin(); underway = false; tell.say(''); },
      async file(file) {
        if (!file) return;
        if (!looksLikePhoto(file)) { tell.fail('This is not a photo. JPEG, PNG, WebP, AVIF, HEIC, GIF and TIFF work.'); return; }
        const mine = begin();
        try {
          tell.say('Reading the photo…');
          const decoded = await decode(file);
          if (mine !== turn) return;
          if (decoded) show(decoded, null);
          const light = whole ? file : await lighter(file, decoded);
          if (mine !== turn) return;
          const known = await send(light, light === file ? file.name || 'photo' : 'photo.jpg',
            (part) => { if (mine === turn) part < 1 ? tell.say(`Sending the photo… ${Math.round(part * 100)} %`, part) : tell.say('Almost there…'); }, control.signal);
          if (mine !== turn) return;
          const turned = decoded && Math.abs(Math.log((decoded.width / decoded.height) * (known.height / known.width))) > 0.02;
          if (!decoded || turned) { const preview = await fetchPreview(known.id); if (mine !== turn) return; show(preview, known); preview.close(); }
          if (decoded) decoded.close();
          if (file.name) names.set(known.id, file.name.replace(/\.[^.]*$/, ''));
          arrived(known); announce('The photo is ready.');
        } catch (error) { failed(error, mine); }
      },
      /** Something the server has already: {id, width?, height?, from?}, `from` the photo it was made of, or a promise of that. */
      async known(photo) {
        const mine = begin();
        try {
          tell.say('Fetching the photo…');
          const [preview, from] = await Promise.all([fetchPreview(photo.id), photo.from]);
          if (mine !== turn) return;
          const full = { id: photo.id, width: photo.width || preview.full[0], height: photo.height || preview.full[1] };
          show(preview, { ...full, from }); preview.close(); arrived(full);
        } catch (error) {
          if (mine === turn && error.status !== 404) missed = photo;
          failed(error, mine, missed && (() => source.known(photo)));
        }
      },
    };
    return source;
  }

  /** A copy of a canvas as it is now. */
  const copyOf = (canvas) => shrink({ source: canvas, width: canvas.width, height: canvas.height }, Infinity);

  /** Makes a value one of the desk's fields: remembered, filled, heard by others. */
  function keep(key, name, field) {
    Easel.desk(key).fields.set(name, field);
    const kept = Easel.desk(key).kept[name];
    if (kept) field.set(kept);
  }

  /* "Use as start": a finished picture becomes the photo of another tab, which may not have been built yet. */
  const takers = new Map(), sent = new Map();
  on('onward', ({ tab, picture }) => { Easel.openTab(tab); if (takers.has(tab)) takers.get(tab)(picture); else sent.set(tab, picture); scrollTo({ top: 0 }); });
  function onward(key, take) {
    const receive = (picture) => {
      take(picture.file ? picture : { id: picture.id, width: picture.width, height: picture.height });
      emit('view:' + key, 'photo');
      const words = () => { if (!Easel.desk(key).fields.has('prompt')) setTimeout(words, 80); else if (!Easel.fieldValue(key, 'prompt') && picture.prompt) Easel.fill(key, { prompt: picture.prompt }); };
      words();
    };
    takers.set(key, receive);
    if (sent.has(key)) { receive(sent.get(key)); sent.delete(key); }
  }

  /* A picture was read for its settings and had none. Whoever then chooses a photo on a desk without a place for one means this. */
  let read = null;
  document.addEventListener('change', (event) => { if (event.target.matches('input[type=file]') && event.target.parentElement.querySelector('#create-restore')) read = event.target.files[0]; }, true);
  on('choose:create', () => { if (read) emit('onward', { tab: 'image', picture: { file: read } }); });

  Easel.photos = { decode, shrink, send, fetchPreview, listen, chooser, well, teller, intake, keep, onward, copyOf, names, SEND_SIDE };

  /* One photo to start from. value = {id, width, height} or null. */
  part('photo', ({ element, props, watch }) => {
    const key = props.desk, name = props.name, tell = teller();
    const box = h('section.photo', { 'aria-label': 'Photo', 'data-state': 'empty' });
    const canvas = h('canvas', { role: 'img', 'aria-label': 'Your photo' });
    const ways = chooser(box, key, (file) => source.file(file));
    ways.blank = () => sketch(true);
    const say = (value) => { props.value = value; Easel.changed(key, name, value); paint(); };
    const caption = h('span.size');
    const shown = h('div.shown', { hidden: true }, canvas, h('div.photobar', {}, caption,
      h('button.btn', { onclick: () => sketch() }, icon('palette', 18), 'Draw on it'), h('button.btn', { onclick: (event) => { if (props.value) Easel.picture.cutOut(props.value.id, event.currentTarget); } }, icon('cut', 18), 'Cut out'),
      h('button.btn', { onclick: ways.choose }, icon('image', 18), 'Another photo'), iconButton('bin', 'Remove the photo', () => { source.cancel(); clear(); emit('fresh:' + key); })));
    const empty = well(props.title || 'Start from a photo', props.text || '', ways);
    const source = intake({
      whole: false, tell,
      show(decoded) {
        if (props.value) { emit('fresh:' + key); before = { value: props.value, drawn: copyOf(easel.hidden ? canvas : board.board.picture()) }; }
        easel.hidden = true; if (board.board) board.board.drop();
        put(shrink(decoded, 1600));
        box.dataset.state = 'loading'; empty.hidden = true; shown.hidden = false; caption.textContent = ''; props.value = null;
      },
      ready(photo) { before = null; emit('notice:' + key, null); say({ id: photo.id, width: photo.width, height: photo.height }); },
      lost(gone) {
        if (before) { put(before.drawn); say(before.value); before = null; }
        else if (!props.value && gone) clear();
        else if (!props.value) { vacate(); paint(); }
      },
    });
    let before = null; /* what was here while another one is on its way */
    function put(drawn) { canvas.width = drawn.width; canvas.height = drawn.height; canvas.getContext('2d').drawImage(drawn, 0, 0); canvas.style.setProperty('--ratio', drawn.width / drawn.height); }
    function vacate() { empty.hidden = false; shown.hidden = easel.hidden = true; if (board.board) board.board.drop(); }
    function clear() { before = null; vacate(); say(null); }
    addEventListener('click', (event) => {
      if (!source.busy() || !event.target.closest?.(`#${key}-go, #${key}-tries .btn`)) return;
      event.preventDefault(); event.stopImmediatePropagation(); toast('The photo is still on its way. A moment.');
    }, true);

    /* The board to sketch on, over the photo or over an empty sheet. What is painted becomes the photo. */
    const easel = h('div.easelboard', { hidden: true });
    const board = { desk: key, name: 'sketch', palette: true, side: SEND_SIDE, made: (known) => { say({ id: known.id, width: known.width, height: known.height }); }, close() { put(board.board.picture()); easel.hidden = true; shown.hidden = false; } };
    function sketch(blank = false) {
      const photo = blank ? null : props.value;
      if (!easel.hidden || box.dataset.state === 'loading') return;
      if (!board.board) Easel.mount('maskcanvas', { element: easel, props: board, trigger() {}, watch() {} });
      empty.hidden = shown.hidden = true; easel.hidden = false;
      if (photo && board.board.resume(photo.id)) return;
      if (photo) { board.board.begin(canvas, photo.id); return; }
      const sheet = h('canvas'), context = sheet.getContext('2d'); sheet.width = sheet.height = SHEET_SIDE;
      context.fillStyle = '#fff'; context.fillRect(0, 0, SHEET_SIDE, SHEET_SIDE);
      board.board.begin(sheet, '');
    }
    on('sketch:' + key, () => sketch());
    function paint() {
      box.dataset.state = props.value ? 'ready' : shown.hidden || !easel.hidden ? 'empty' : 'loading'; box.dataset.photo = props.value ? props.value.id : '';
      caption.textContent = props.value ? `${props.value.width} × ${props.value.height}` : '';
    }
    box.append(empty, shown, easel, tell.busy, tell.fault);
    element.replaceChildren(box);
    listen(box, (file) => source.file(file));
    keep(key, name, { get: () => props.value, set(v) { if (v && typeof v === 'object' && v.id) source.known(v); else if (typeof v === 'string' && v) source.known({ id: v }); else { source.cancel(); clear(); } } });
    onward(key, (photo) => (photo.file ? source.file(photo.file) : source.known(photo)));
    watch('value', paint);
    paint();
  });
})();
