/* Where one is, for Back, reload and links: each tab has an address (#gallery), and whatever lies over the page is one step of
   the history, which Back takes away first. */
(() => {
  const PATIENCE = 600; /* ms in which a browser that was sent back arrives */
  const SIGNS = { create: 'spark', image: 'image', inpaint: 'brush', gallery: 'tiles', models: 'box', settings: 'sliders' }; /* of the tabs, in a narrow window */
  const tabs = () => [...document.querySelectorAll('#tabs [role=tab][data-tab-id]')];
  const named = () => location.hash.slice(1);
  const open = []; /* the dialogs, lowest first; entry n of the history stands for n of them */
  const later = []; /* what is to be done once the browser has arrived where it was sent */
  let going = 0, mute = false;

  const depth = () => history.state?.easel || 0;
  const step = (deep, address = location.href) => soon(() => history.pushState({ easel: deep }, '', address));
  function soon(act) { if (going) later.push(act); else act(); }
  function arrived() { clearTimeout(going); going = 0; while (later.length && !going) later.shift()(); }
  /** Takes the newest step out of the history. */
  const back = () => soon(() => { going = setTimeout(arrived, PATIENCE); history.back(); });

  /** A dialog has opened. What comes back is to be called when it closes, however that came about; twice does no harm. */
  function over(close) {
    const one = { close };
    open.push(one); step(open.length);
    return () => { if (open.includes(one)) { open.splice(open.indexOf(one), 1); back(); } };
  }

  const chosen = (tab) => tab?.getAttribute('aria-selected') === 'true';
  /** Opens a tab without a step in the history; says whether it is open. */
  function show(name) {
    const tab = tabs().find((one) => one.dataset.tabId === name);
    if (tab && !chosen(tab)) { mute = true; tab.click(); mute = false; }
    return chosen(tab);
  }
  document.addEventListener('click', (event) => {
    const tab = event.target.closest?.('#tabs [role=tab][data-tab-id]'), first = tabs()[0]?.dataset.tabId;
    if (tab) setTimeout(() => tab.scrollIntoView({ block: 'nearest', inline: 'center' }), 60); /* a narrow window does not show all of them */
    if (!tab || mute || tab.dataset.tabId === (named() || first)) return;
    step(0, '#' + tab.dataset.tabId);
  });
  addEventListener('popstate', () => {
    if (going) { arrived(); return; }
    while (open.length > depth()) open.pop().close();
    if (depth() > open.length) { back(); return; } /* Forward, to what is closed now */
    show(named() || tabs()[0]?.dataset.tabId);
  });

  const drawn = (name) => 'data:image/svg+xml,' + encodeURIComponent(new XMLSerializer().serializeToString(Easel.icon(name)));
  document.head.append(Easel.h('style', {}, Object.entries(SIGNS).map(([tab, name]) => `#tabs [data-tab-id='${tab}'] { --sign: url("${drawn(name)}"); }`).join('')));

  /* Gradio builds the tabs late, and opens the first one. */
  const start = (tries) => { if (named() && tries && !(document.querySelector('.stage') && show(named()))) setTimeout(start, 50, tries - 1); };
  start(600);
  if (depth()) back(); /* reloaded under a dialog, which is there no more */
  Easel.over = over;
})();
