/* Looking at a photo: zoom, pan, pinch. Knows the pane's pixels and the photo's, and nothing of painting. */
(() => {
  const MOST = 12;

  /** `box()` is what must fit, in photo pixels: {x, y, w, h}; `apply(scale, x, y)` hears where the photo's corner lies in the pane. */
  class View {
    constructor(pane, box, apply) { Object.assign(this, { pane, box, apply, scale: 1, x: 0, y: 0, fitted: true }); }

    size() { return [this.pane.clientWidth || 1, this.pane.clientHeight || 1]; }
    fitScale() { const [w, h] = this.size(), b = this.box(); return Math.min(w / b.w, h / b.h); }
    /** 1 = the whole photo just fits. */
    get zoom() { return this.scale / this.fitScale(); }

    fit() { this.fitted = true; this.scale = this.fitScale(); this.settle(); }
    refit() { if (this.fitted) this.fit(); else this.settle(); }

    /** Zooms by `factor`, keeping the pane's point (px, py) where it is. */
    by(factor, px, py) {
      const least = this.fitScale(), next = Math.min(least * MOST, Math.max(least, this.scale * factor));
      const real = next / this.scale;
      this.x = px - (px - this.x) * real; this.y = py - (py - this.y) * real;
      this.scale = next; this.fitted = next <= least * 1.001;
      this.settle();
    }
    middle(factor) { const [w, h] = this.size(); this.by(factor, w / 2, h / 2); }
    move(dx, dy) { this.x += dx; this.y += dy; this.settle(); }

    /** Keeps the photo within reach: centred where it is smaller than the pane, without gaps where it is larger. */
    settle() {
      const [w, h] = this.size(), b = this.box(), s = this.scale;
      const hold = (at, from, length, room) => (length * s <= room + 0.5 ? (room - length * s) / 2 - from * s : Math.min(-from * s, Math.max(room - (from + length) * s, at)));
      this.x = hold(this.x, b.x, b.w, w); this.y = hold(this.y, b.y, b.h, h);
      this.apply(s, this.x, this.y);
    }

    /** From the pane's pixels to the photo's, not rounded. */
    point(px, py) { return [(px - this.x) / this.scale, (py - this.y) / this.scale]; }
  }

  Easel.View = View;
})();
