/* The ground of the page's scripts: building elements, talking to the server, remembering, announcing. User text only ever
   reaches the page through textContent. Parts register with Easel.part(name, fn) and are mounted by gr.HTML components. */
window.Easel = window.Easel || (() => {
  const parts = new Map();
  const listeners = new Map();
  const waiting = (window.easelMounts = window.easelMounts || []);

  const PATHS = {
    spark: 'M12 3l1.9 5.1L19 10l-5.1 1.9L12 17l-1.9-5.100L5 10l5.100-1.900zM19 15.500l.8 2.200 2.200.8-2.200.8L19 21.500l-.8-2.200-2.200-.8 2.200-.8z',
    download: 'M12 4v11m0 0l-4-4m4 4l4-4M5 19.500h14', again: 'M19 8a7.500 7.500 0 1 0 .6 6.500M19.500 4v4.500H15',
    vary: 'M4 7h4l8 10h4m0 0l-2.500-2.500M20 17l-2.500 2.500M4 17h4l2.300-2.900M13.700 9.900L16 7h4m0 0l-2.500-2.500M20 7l-2.500 2.500',
    info: 'M12 11v5.500M12 7.600v.1M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z', heart: 'M12 20s-7.500-4.600-7.500-10A4.300 4.300 0 0 1 12 7.400 4.300 4.300 0 0 1 19.500 10c0 5.400-7.500 10-7.500 10z',
    bin: 'M5 7h14M10 4h4M7 7l.8 12.500h8.400L17 7M10.200 10.500v6M13.800 10.500v6', close: 'M6 6l12 12M18 6L6 18',
    lock: 'M7 11V8a5 5 0 0 1 10 0v3M6 11h12v9H6z', unlock: 'M7 11V8a5 5 0 0 1 9.600-2M6 11h12v9H6z',
    dice: 'M5 5h14v14H5zM9 9v.1M15 15v.1M15 9v.1M9 15v.1M12 12v.1', copy: 'M9 9h10v10H9zM5 15V5h10',
    left: 'M15 5l-7 7 7 7', right: 'M9 5l7 7-7 7', down: 'M6 9.500l6 6 6-6', search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16.200 16.200L21 21',
    brush: 'M14.500 4.500l5 5L11 18l-5-5zM6 13c-2 .5-2.500 2-2.500 6.500C8 19.500 9.500 19 11 18',
    use: 'M4 12h13m0 0l-5-5m5 5l-5 5', check: 'M5 12.500l4.500 4.500L19 7.500', folder: 'M3.500 6.500h6l2 2.500h9v10h-17z', refresh: 'M19 8a7.500 7.500 0 1 0 .6 6.500M19.500 4v4.500H15',
    eraser: 'M8.500 19.500L4 15l9.500-9.500 6 6-8 8zM9 10l6 6M8.500 19.500H20', sun: 'M12 16.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9zM12 3v1.500M12 19.500V21M3 12h1.500M19.500 12H21M5.600 5.600l1.100 1.100M17.300 17.300l1.100 1.100M5.600 18.400l1.100-1.100M17.300 6.700l1.100-1.100',
    backdrop: 'M3.500 19l6-9 4 6 2.500-3.500 4.500 6.500zM17 8.500a1.800 1.800 0 1 0 0-3.600 1.800 1.800 0 0 0 0 3.600z', palette: 'M12 20.500a8.500 8.500 0 1 1 8.500-8.500c0 3-2.300 3.600-4 3.600h-2c-1.600 0-1.800 1.500-1 2.400.9 1.100.2 2.500-1.500 2.500zM8 12.500v.1M10 8.500v.1M14.500 8.500v.1',
    cut: 'M6.500 9.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM6.500 19.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM8.500 8.500L20 18M8.500 15.500L20 6',
    subject: 'M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M12 11.500a2.300 2.300 0 1 0 0-4.600 2.300 2.300 0 0 0 0 4.600zM7.500 17.500c.4-2.700 2-4 4.500-4s4.100 1.300 4.500 4',
    expand: 'M14.500 4.500h5v5M19.500 4.500l-6 6M9.500 19.500h-5v-5M4.500 19.500l6-6',
    share: 'M8.700 10.700l6.600-3.900M8.700 13.300l6.600 3.900M6 14.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM18 8.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM18 20.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5z',
    tiles: 'M4 4h6.500v6.500H4zM13.500 4H20v6.500h-6.500zM4 13.500h6.500V20H4zM13.500 13.500H20V20h-6.500z', box: 'M12 3.500l8 4.300v8.400l-8 4.300-8-4.300V7.800zM4.300 7.900l7.700 4.200 7.700-4.200M12 12.100v8.200',
    sliders: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4', image: 'M4 5h16v14H4zM4 16l4.500-4.500 3.500 3.500 3-3 5 5M15.500 9.500v.1',
  };

  /** An element: h('button.big', {onclick, 'aria-label': …}, child, 'text'); text children become text nodes. */
  function h(spec, props = {}, ...children) {
    const [tag, ...classes] = spec.split('.');
    const node = document.createElement(tag || 'div');
    if (classes.length) node.className = classes.join(' ');
    if (tag === 'button') node.type = 'button';
    for (const [key, value] of Object.entries(props)) {
      if (value === undefined || value === null || value === false) continue;
      if (key.startsWith('on') || key in { value: 1, checked: 1, disabled: 1, hidden: 1 }) node[key] = value;
      else node.setAttribute(key, value === true ? '' : value);
    }
    node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
    return node;
  }

  /** A line drawing that only decorates. */
  function icon(name, size = 20) {
    const ns = 'http://www.w3.org/2000/svg';
    const svg = document.createElementNS(ns, 'svg');
    const path = document.createElementNS(ns, 'path');
    for (const [k, v] of Object.entries({ viewBox: '0 0 24 24', width: size, height: size, fill: 'none', stroke: 'currentColor',
      'stroke-width': 1.7, 'stroke-linecap': 'round', 'stroke-linejoin': 'round', 'aria-hidden': 'true', class: 'ico' })) svg.setAttribute(k, v);
    path.setAttribute('d', PATHS[name] || PATHS.spark);
    svg.append(path);
    return svg;
  }

  const iconButton = (name, label, onclick, extra = {}) =>
    h('button.ib', { 'aria-label': label, title: label, onclick, ...extra }, icon(name));

  const on = (name, fn) => { (listeners.get(name) || listeners.set(name, new Set()).get(name)).add(fn); return () => listeners.get(name).delete(fn); };
  const emit = (name, data) => (listeners.get(name) || []).forEach((fn) => fn(data));

  /** fetch, except that no answer at all is told in words for a person. */
  const reach = (path, how = {}) => fetch(path, { credentials: 'same-origin', ...how }).catch(() => { throw new Error('The line to Easel is gone. Try again in a moment.'); });

  async function api(method, path, body) {
    const answer = await reach(path, { method, headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body) });
    const data = await answer.json().catch(() => ({}));
    if (!answer.ok) {
      const fault = data.error || data.fault || data.detail || data;
      throw Object.assign(new Error(fault.message || (typeof fault === 'string' ? fault : 'That did not work.')), { fault, status: answer.status });
    }
    return data;
  }
  const get = (path) => api('GET', path);
  const post = (path, body = {}) => api('POST', path, body);

  /* What the browser remembers; a private window without storage simply forgets. */
  const memory = {
    read(key, otherwise = null) { try { return JSON.parse(localStorage.getItem('easel.' + key)) ?? otherwise; } catch { return otherwise; } },
    write(key, value) { try { localStorage.setItem('easel.' + key, JSON.stringify(value)); } catch { /* full or forbidden */ } },
  };

  let voice = null, shelf = null;
  /** While a dialog is open all beside it is dead: what must be seen, heard or clicked stands in the topmost one. */
  const front = () => [...document.querySelectorAll('dialog[open]')].pop() || document.body;
  /** Called whenever a dialog has opened or is about to go. */
  const toFront = () => { [voice, shelf].forEach((node) => { if (node && node.parentNode !== front()) front().append(node); }); makeRoom(); };
  /** Messages stand above the dock and the tools, not on the buttons that are pressed next; narrow windows have their place in the style. */
  function makeRoom() {
    if (!shelf) return;
    const zoom = Number(getComputedStyle(document.documentElement).getPropertyValue('--zoom')) || 1;
    const main = innerWidth >= 1024 && front() === document.body && [...document.querySelectorAll('.deskmain')].find((one) => one.getClientRects().length);
    const over = main && ([...main.querySelectorAll('.under, .dock')].find((one) => one.getClientRects().length));
    if (!over) { shelf.style.removeProperty('--up'); shelf.style.removeProperty('--middle'); return; }
    const box = over.getBoundingClientRect();
    shelf.style.setProperty('--up', (innerHeight - box.top + 10) / zoom + 'px'); shelf.style.setProperty('--middle', (box.left + box.right) / 2 / zoom + 'px');
  }
  addEventListener('resize', makeRoom);
  document.addEventListener('click', (event) => { if (event.target.closest('#tabs [role=tab], .seg')) setTimeout(makeRoom, 60); });

  /** Say something to a screen reader, politely; at most every two seconds, the newest wins. `progress` is not said twice. */
  const announce = (() => {
    let last = 0, timer = 0, said = '';
    return (text, progress = false) => {
      if (!text || (progress && text === said)) return;
      clearTimeout(timer);
      timer = setTimeout(() => {
        last = Date.now(); said = text;
        if (!voice) { voice = h('div.sr', { role: 'status', 'aria-live': 'polite', id: 'easel-voice' }); front().append(voice); }
        voice.textContent = voice.textContent === text ? text + '\u00a0' : text; /* only what differs is read out */
      }, Math.max(60, last + 2000 - Date.now()));
    };
  })();

  /** A short message at the edge, with one action if wanted: toast('Deleted', {label: 'Undo', act}). With no seconds it stays until
      the function that comes back takes it away. */
  function toast(text, action = null, seconds = 5, kind = 'status') {
    shelf ||= h('div.toasts'); toFront();
    const away = () => { clearTimeout(timer); node.remove(); };
    const node = h('div.toast', { role: kind }, h('span', {}, text),
      action && h('button', { onclick: () => { away(); action.act(); } }, action.label),
      iconButton('close', 'Dismiss', () => away()));
    const timer = seconds && setTimeout(away, seconds * 1000);
    shelf.append(node); makeRoom();
    while (shelf.children.length > 3) shelf.firstChild.remove();
    return away;
  }
  const trouble = (error) => toast(error.message || 'That did not work.', null, 8, 'alert');

  /* Light, dark, or as the system says. */
  const look = {
    get: () => memory.read('look', 'system'),
    set(value) { memory.write('look', value); look.apply(); },
    apply() {
      const want = look.get();
      const dark = want === 'dark' || (want === 'system' && matchMedia('(prefers-color-scheme: dark)').matches);
      document.documentElement.dataset.look = dark ? 'dark' : 'light';
      if (document.body && document.body.classList.contains('dark') !== dark) document.body.classList.toggle('dark', dark);
    },
  };
  look.apply();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', look.apply);
  const keepLook = () => new MutationObserver(look.apply).observe(document.body, { attributes: true, attributeFilter: ['class'] });
  document.body ? keepLook() : document.addEventListener('DOMContentLoaded', keepLook);

  const copy = async (text, what = 'Copied') => {
    let done = true;
    try { await navigator.clipboard.writeText(text); } catch {
      const area = h('textarea.sr', { value: text }), before = document.activeElement;
      front().append(area); area.focus({ preventScroll: true }); area.select(); done = document.execCommand('copy'); area.remove(); before?.focus({ preventScroll: true });
    }
    done ? toast(what, null, 2.5) : toast('This browser did not allow copying. Select the words and copy them by hand.', null, 8, 'alert');
  };

  const opened = (tab) => document.querySelector(`[role=tab][data-tab-id="${tab}"]`);
  const openTab = (tab) => { const button = opened(tab); if (button) button.click(); };

  /** Arrow keys move within a group of radios or buttons; only one of them is in the tab order: where the focus was last,
      before that and whenever another is chosen meanwhile the chosen one. */
  function roving(group, selector, choose) {
    const all = () => [...group.querySelectorAll(selector)].filter((item) => !item.hidden);
    const items = () => all().filter((item) => item.offsetParent !== null);
    const stopAt = (stop) => all().forEach((item) => { item.tabIndex = item === stop ? 0 : -1; });
    function settle() {
      const stops = all().filter((item) => item.tabIndex === 0), alone = stops.length === 1 && stops[0];
      if (alone && group.contains(document.activeElement)) return;
      stopAt(all().find((item) => item.matches('[aria-checked=true], [aria-current=true]')) || alone || all()[0]);
    }
    group.addEventListener('focusin', (event) => { const item = event.target.closest(selector); if (item) stopAt(item); });
    new MutationObserver(settle).observe(group, { childList: true, subtree: true, attributeFilter: ['aria-current', 'hidden'] });
    settle();
    group.addEventListener('keydown', (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const some = items(), at = some.indexOf(document.activeElement);
      if (at < 0 || (!step && event.key !== 'Home' && event.key !== 'End')) return;
      event.preventDefault();
      const next = event.key === 'Home' ? some[0] : event.key === 'End' ? some[some.length - 1] : some[(at + step + some.length) % some.length];
      next.focus();
      if (choose) choose(next);
    });
  }

  /* Gradio's tabs know Tab and Enter only; whoever works with the keys expects the arrows too. */
  document.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key], row = step && event.target.closest('#tabs [role=tablist]');
    const tabs = row ? [...row.querySelectorAll('[role=tab]')] : [], at = tabs.indexOf(event.target);
    if (at < 0) return;
    event.preventDefault();
    const next = tabs[(at + step + tabs.length) % tabs.length];
    next.focus(); next.click();
  });

  function mount(name, context) {
    const part = parts.get(name);
    if (!part) { waiting.push([name, context]); return; }
    context.element.dataset.part = name;
    part(context);
  }
  function part(name, fn) {
    parts.set(name, fn);
    for (let i = waiting.length - 1; i >= 0; i--) if (waiting[i][0] === name) mount(...waiting.splice(i, 1)[0]);
  }

  return { h, icon, iconButton, on, emit, reach, api, get, post, memory, announce, toast, toFront, trouble, look, copy, openTab, roving, mount, part };
})();
