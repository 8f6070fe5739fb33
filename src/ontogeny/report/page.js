// Draws a figure when it comes near, in the layout that its width asks for. All numbers come from the page; none are made here.
(() => {
  const NARROW = 640;
  const plots = [...document.querySelectorAll(".plot")];
  const set = (target, path, value) => {
    const keys = path.split(/[.[\]]+/).filter(Boolean), last = keys.pop();
    keys.reduce((at, key) => (at[key] ??= {}), target)[last] = value;
  };
  // A square panel stays square: the height follows the width of a panel.
  const squared = (layout, meta, width, narrow) => {
    const rows = narrow ? meta.square : 1, columns = narrow ? 1 : meta.square;
    const side = (width - 48 - 14) / columns * (columns > 1 ? 0.92 : 1);
    const slider = layout.sliders ? 92 * layout.sliders.length : 0;
    return rows * (side + meta.over + meta.under + 8) + slider;
  };
  const shape = (plot) => (plot.clientWidth < NARROW ? "narrow" : "wide");
  const size = (plot, layout) => {
    const width = plot.clientWidth, meta = layout.meta ?? {};
    const height = meta.square ? squared(layout, meta, width, shape(plot) === "narrow") : layout.height;
    plot.style.height = `${height}px`;
    return { width, height };
  };
  const draw = (plot) => {
    const { data, layout } = JSON.parse(document.getElementById(plot.dataset.from).textContent);
    const narrow = shape(plot) === "narrow";
    if (narrow) {
      for (const [path, value] of Object.entries(layout.meta?.narrow ?? {})) set(layout, path, value);
      layout.dragmode = false; // a finger scrolls the page
    }
    plot.dataset.drawn = shape(plot);
    plot.removeAttribute("data-waiting");
    return Plotly.react(plot, data, Object.assign(layout, size(plot, layout)), {
      displaylogo: false, displayModeBar: narrow ? false : "hover",
      modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"], toImageButtonOptions: { scale: 3 },
    }).then(() => Plotly.redraw(plot)); // titles stand right once colour bars have taken their room
  };
  const fit = (plot) => {
    if (!plot.dataset.drawn || !plot.clientWidth || plot.clientWidth === plot._fullLayout?.width) return; // none: folded away
    if (plot.dataset.drawn !== shape(plot)) draw(plot); // the slider goes back to its start
    else Plotly.relayout(plot, size(plot, plot.layout));
  };
  const waiting = () => plots.filter((plot) => !plot.dataset.drawn && plot.clientWidth);
  if ("IntersectionObserver" in window) {
    const watcher = new IntersectionObserver((seen) => {
      for (const one of seen) if (one.isIntersecting) { watcher.unobserve(one.target); draw(one.target); }
    }, { rootMargin: "800px 0px" });
    plots.forEach((plot) => watcher.observe(plot));
  } else plots.forEach(draw);
  const resized = new ResizeObserver((seen) => seen.forEach((one) => fit(one.target)));
  plots.forEach((plot) => resized.observe(plot));
  addEventListener("beforeprint", () => {
    document.querySelectorAll("figcaption details").forEach((one) => { one.open = true; });
    waiting().forEach(draw);
  });
})();
