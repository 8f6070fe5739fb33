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
  const draw = (plot) => {
    const figure = JSON.parse(document.getElementById(plot.dataset.from).textContent);
    const { data, layout } = figure, meta = layout.meta ?? {}, width = plot.clientWidth;
    const narrow = width < NARROW;
    if (narrow) {
      for (const [path, value] of Object.entries(meta.narrow ?? {})) set(layout, path, value);
      layout.dragmode = false; // a finger scrolls the page
    }
    if (meta.square) layout.height = squared(layout, meta, width, narrow);
    plot.style.height = `${layout.height}px`;
    plot.dataset.drawn = narrow ? "narrow" : "wide";
    plot.removeAttribute("data-waiting");
    return Plotly.react(plot, data, layout, {
      responsive: true, displaylogo: false, modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"],
      toImageButtonOptions: { scale: 3 },
    });
  };
  const waiting = () => plots.filter((plot) => !plot.dataset.drawn);
  if ("IntersectionObserver" in window) {
    const watcher = new IntersectionObserver((seen) => {
      for (const one of seen) if (one.isIntersecting) { watcher.unobserve(one.target); draw(one.target); }
    }, { rootMargin: "800px 0px" });
    plots.forEach((plot) => watcher.observe(plot));
  } else plots.forEach(draw);
  let timer;
  addEventListener("resize", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      for (const plot of plots) {
        const shape = plot.clientWidth < NARROW ? "narrow" : "wide";
        if (plot.dataset.drawn && (plot.dataset.drawn !== shape || plot.layout?.meta?.square)) draw(plot);
      }
    }, 200);
  });
  addEventListener("beforeprint", () => {
    document.querySelectorAll("figcaption details").forEach((one) => { one.open = true; });
    waiting().forEach(draw);
  });
})();
