// What every run has: how it converged, and its command to copy.

/** Fall of the objective, first over last, from which its axis is logarithmic. */
const LOG_FALL = 8;

(() => {
  const place = document.getElementById("convergence");
  const { trace } = RUN;
  if (trace.length < 2) {
    place.append(note("The run has no course to draw."));
    return;
  }
  const course = (value, wanted) => {
    const points = [];
    let apart = false;
    for (const point of trace) {
      if (wanted(point) && value(point) !== null) {
        points.push({ x: point.iteration, y: value(point), apart });
        apart = false;
      } else {
        apart = points.length > 0;
      }
    }
    return points;
  };
  const objectives = trace.map((point) => point.objective);
  const [least, most] = [Math.min(...objectives), Math.max(...objectives)];
  const scale = least > 0 && most / least >= LOG_FALL ? "log" : "linear";
  const series = [{ name: "objective", points: course((p) => p.objective, (p) => !p.sketched) }];
  const estimates = course((p) => p.objective, (p) => p.sketched);
  if (estimates.length) series.push({ name: "estimate on a sketch of the data", points: estimates });
  const x = { label: "iteration", format: (value) => String(Math.round(value * 100) / 100) };
  const charts = el("div", { class: "charts" });
  charts.append(lineChart({ name: "objective by iteration", series, x, y: { label: "objective", scale } }));
  const residuals = course((p) => p.residual, (p) => p.residual > 0);
  if (residuals.length > 1) {
    charts.append(lineChart({
      name: "KKT residual by iteration",
      series: [{ name: "residual", points: residuals }],
      x,
      y: { label: "KKT residual", scale: "log" },
    }));
  }
  place.append(charts);
})();

(() => {
  const said = document.getElementById("copied");
  const command = document.getElementById("command");
  const select = () => {
    const range = document.createRange();
    range.selectNodeContents(command);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  };
  document.getElementById("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(command.textContent);
      said.textContent = "Copied.";
    } catch {
      // Without leave to use the clipboard the reader copies what is selected.
      select();
      said.textContent = document.execCommand("copy") ? "Copied." : "Selected: press Ctrl+C or ⌘C to copy.";
    }
  });
})();
