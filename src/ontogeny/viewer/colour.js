// Colour scales as tables of 256 shades. The scales themselves are those of the figures (ontogeny.views.theme).

export function shades(scale, count = 256) {
  const stops = scale.map(([at, colour]) => [Number(at), rgb(colour)]);
  const table = new Uint8ClampedArray(count * 4);
  let right = 1;
  for (let i = 0; i < count; i++) {
    const at = i / (count - 1);
    while (right < stops.length - 1 && stops[right][0] < at) right++;
    const [low, from] = stops[right - 1], [high, to] = stops[right];
    const share = high > low ? Math.min(1, Math.max(0, (at - low) / (high - low))) : 0;
    for (let c = 0; c < 3; c++) table[4 * i + c] = from[c] + share * (to[c] - from[c]);
    table[4 * i + 3] = 255;
  }
  return table;
}

export function rgb(colour) {
  if (colour.startsWith("#")) {
    const full = colour.length === 4 ? [...colour.slice(1)].map((c) => c + c).join("") : colour.slice(1);
    return [0, 2, 4].map((i) => parseInt(full.slice(i, i + 2), 16));
  }
  return colour.match(/[\d.]+/g).slice(0, 3).map(Number);
}

export function shade(table, share) {
  const i = 4 * Math.round(255 * Math.min(1, Math.max(0, share)));
  return `rgb(${table[i]},${table[i + 1]},${table[i + 2]})`;
}

// Numbers (row, column) as a picture of one pixel each; what is no number is clear.
export function picture(values, rows, columns, low, high, table) {
  const image = new ImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer), colours = new Uint32Array(table.buffer);
  const scale = high > low ? 255 / (high - low) : 0;
  for (let i = 0; i < rows * columns; i++) {
    const value = values[i];
    if (value === value) pixels[i] = colours[Math.min(255, Math.max(0, Math.round((value - low) * scale)))];
  }
  const canvas = new OffscreenCanvas(columns, rows);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
