/* The dock under the stage: Enter in the prompt. */
(() => {
  const touch = matchMedia('(pointer: coarse)');

  /* Gradio takes Enter in the prompt for itself. Here it draws; where one types with a thumb it begins a new line. */
  const entered = (event) => event.key === 'Enter' && event.target.matches?.('.dock textarea');
  document.addEventListener('keydown', (event) => {
    const other = event.shiftKey || event.ctrlKey || event.metaKey || event.altKey;
    if (!entered(event) || other || touch.matches || event.isComposing || event.keyCode === 229) return; /* 229: an input method is not done */
    event.preventDefault();
    if (!event.repeat) event.target.closest('.dock').querySelector('.go').click();
  });
  document.addEventListener('keypress', (event) => { if (entered(event)) event.stopPropagation(); }, true);
})();
