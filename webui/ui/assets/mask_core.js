/* A mask as numbers: one byte a pixel, 1 = paint anew; and paint, a colour a pixel, 0 = none. Strokes are capsules filled row by row, hard-edged and the same in every
   browser, so that what is sent is exactly what was painted. Undo keeps only the rectangle that changed. */
(() => {
  const HISTORY_BYTES = 48 * 2 ** 20;

  class Mask {
    constructor(width, height) {
      this.width = width; this.height = height;
      this.data = this.blank(width * height);
      this.past = []; this.future = []; this.open = null; this.painted = 0;
    }

    blank(length) { return new Uint8Array(length); }
    /** What a stroke leaves in a pixel. */
    value(ink) { return ink ? 1 : 0; }

    /** Starts one step of undo; everything until `end` belongs to it. */
    begin() { this.open = { before: this.data.slice(), painted: this.painted, dirty: null }; }

    /** Closes the step; false when nothing changed. */
    end() {
      const { before, dirty } = this.open;
      this.open = null;
      if (!dirty) return false;
      this.past.push(patch(before, this.width, dirty));
      this.future = [];
      let bytes = 0;
      for (let i = this.past.length - 1; i >= 0; i--) { bytes += this.past[i].bytes.byteLength; if (bytes > HISTORY_BYTES) { this.past.splice(0, i + 1); break; } }
      return true;
    }

    /** Takes the open step back as if it had never been; returns the rectangle to draw again. */
    abandon() {
      const { before, painted, dirty } = this.open;
      this.open = null; this.data = before; this.painted = painted;
      return dirty;
    }

    /** A line of radius `r` from (x0, y0) to (x1, y1), in pixels with centres at .5; returns the rectangle that may have changed. */
    stroke(x0, y0, x1, y1, r, ink) {
      const { width, height, data } = this, radius = Math.max(0.71, r);
      const length = Math.hypot(x1 - x0, y1 - y0) || 1;
      const nx = (-(y1 - y0) / length) * radius, ny = ((x1 - x0) / length) * radius;
      const corners = [[x0 + nx, y0 + ny], [x1 + nx, y1 + ny], [x1 - nx, y1 - ny], [x0 - nx, y0 - ny]];
      const top = Math.max(0, Math.floor(Math.min(y0, y1) - radius)), bottom = Math.min(height - 1, Math.ceil(Math.max(y0, y1) + radius));
      const value = this.value(ink);
      let changed = null;
      for (let row = top; row <= bottom; row++) {
        const y = row + 0.5;
        let low = Infinity, high = -Infinity;
        for (const [cx, cy] of [[x0, y0], [x1, y1]]) {
          const rest = radius * radius - (y - cy) * (y - cy);
          if (rest >= 0) { const half = Math.sqrt(rest); low = Math.min(low, cx - half); high = Math.max(high, cx + half); }
        }
        for (let i = 0; i < 4; i++) {
          const [px, py] = corners[i], [qx, qy] = corners[(i + 1) % 4];
          if (py <= y === qy <= y) continue;
          const x = px + ((y - py) / (qy - py)) * (qx - px);
          low = Math.min(low, x); high = Math.max(high, x);
        }
        const from = Math.max(0, Math.ceil(low - 0.5)), to = Math.min(width - 1, Math.floor(high - 0.5));
        for (let x = from, at = row * width + from; x <= to; x++, at++) {
          if (data[at] !== value) {
            this.painted += (value ? 1 : 0) - (data[at] ? 1 : 0); data[at] = value;
            if (!changed) changed = [x, row, x, row];
            else { if (x < changed[0]) changed[0] = x; if (x > changed[2]) changed[2] = x; changed[3] = row; }
          }
        }
      }
      return this.touched(changed);
    }

    /** Lets `fn(value, index)` decide every pixel anew. */
    remake(fn) {
      const { data } = this;
      let painted = 0;
      for (let i = 0; i < data.length; i++) { data[i] = fn(data[i], i) ? 1 : 0; painted += data[i]; }
      this.painted = painted;
      return this.touched([0, 0, this.width - 1, this.height - 1]);
    }

    undo() { return this.swap(this.past, this.future); }
    redo() { return this.swap(this.future, this.past); }

    swap(from, to) {
      const step = from.pop();
      if (!step) return null;
      to.push(patch(this.data, this.width, step.box));
      const [x0, y0, x1, y1] = step.box, wide = x1 - x0 + 1;
      for (let y = y0; y <= y1; y++) this.data.set(step.bytes.subarray((y - y0) * wide, (y - y0 + 1) * wide), y * this.width + x0);
      let painted = 0;
      for (let i = 0; i < this.data.length; i++) painted += this.data[i] ? 1 : 0;
      this.painted = painted;
      return step.box;
    }

    touched(box) {
      if (box && this.open) {
        const d = this.open.dirty;
        this.open.dirty = d ? [Math.min(d[0], box[0]), Math.min(d[1], box[1]), Math.max(d[2], box[2]), Math.max(d[3], box[3])] : box.slice();
      }
      return box;
    }

    /** Shows the rectangle in a canvas of the mask's size, striped so that it is seen on any photo. */
    draw(context, box, stripe) {
      if (!box) return;
      const [x0, y0, x1, y1] = box, wide = x1 - x0 + 1, high = y1 - y0 + 1;
      const image = context.createImageData(wide, high), pixels = new Uint32Array(image.data.buffer);
      for (let y = 0; y < high; y++) {
        for (let x = 0, at = (y + y0) * this.width + x0; x < wide; x++, at++) {
          if (this.data[at]) pixels[y * wide + x] = ((x + x0 + y + y0) / stripe) & 1 ? 0xb8ff5c7c : 0xb8f0368a; // ABGR: violet, magenta
        }
      }
      context.putImageData(image, x0, y0);
    }

    /** The mask as a PNG: white = paint anew, black = keep. */
    async png() {
      const canvas = document.createElement('canvas');
      canvas.width = this.width; canvas.height = this.height;
      const context = canvas.getContext('2d'), image = context.createImageData(this.width, this.height), pixels = new Uint32Array(image.data.buffer);
      for (let i = 0; i < pixels.length; i++) pixels[i] = this.data[i] ? 0xffffffff : 0xff000000;
      context.putImageData(image, 0, 0);
      return new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
    }

    /** Takes the shape of a picture: where it is opaque if it has holes, else where it is bright. */
    read(source) {
      const canvas = document.createElement('canvas');
      canvas.width = this.width; canvas.height = this.height;
      const context = canvas.getContext('2d', { willReadFrequently: true });
      context.imageSmoothingEnabled = false;
      context.drawImage(source, 0, 0, this.width, this.height);
      const { data } = context.getImageData(0, 0, this.width, this.height);
      let holes = false;
      for (let i = 3; i < data.length && !holes; i += 4) holes = data[i] < 128;
      return this.remake((_, i) => (holes ? data[4 * i + 3] > 127 : 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2] > 127));
    }
  }

  /** Colours instead of yes and no; `colour` is what the brush leaves, as 0xffBBGGRR. */
  class Paint extends Mask {
    colour = 0xff000000;
    blank(length) { return new Uint32Array(length); }
    value(ink) { return ink ? this.colour : 0; }
    draw(context, box) {
      if (!box) return;
      const [x0, y0, x1, y1] = box, wide = x1 - x0 + 1, high = y1 - y0 + 1;
      const image = context.createImageData(wide, high), pixels = new Uint32Array(image.data.buffer);
      for (let y = 0; y < high; y++) pixels.set(this.data.subarray((y + y0) * this.width + x0, (y + y0) * this.width + x1 + 1), y * wide);
      context.putImageData(image, x0, y0);
    }
  }

  function patch(data, width, [x0, y0, x1, y1]) {
    const wide = x1 - x0 + 1, bytes = new data.constructor(wide * (y1 - y0 + 1));
    for (let y = y0; y <= y1; y++) bytes.set(data.subarray(y * width + x0, y * width + x1 + 1), (y - y0) * wide);
    return { box: [x0, y0, x1, y1], bytes };
  }

  Object.assign(Easel, { Mask, Paint });
})();
