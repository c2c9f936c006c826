"""What the page does when a reader chooses another measure or another search: a plain script that needs nothing else.

It goes by names: in the sources "trials", "best" and "slices" the chosen column takes the place of the drawn one; axes are called
"DRAWN-axis"; filters "pareto-KIND" hold the rows that are seen. Bokeh's own callbacks would need `eval`, which the page forbids.
"""

CHOOSING = """
const charts = Bokeh.documents[0], named = name => charts.get_model_by_name(name);
const kinds = ["infeasible", "feasible", "front", "chosen"];
for (const choice of document.querySelectorAll("select[data-column]")) choice.addEventListener("change", () => {
  const drawn = choice.dataset.column, wanted = choice.value;
  for (const source of ["trials", "best", "slices"].map(named)) if (source && source.columns().includes(drawn)) {
    const data = Object.fromEntries(source.columns().map(name => [name, source.get_column(name)]));
    source.data = {...data, [drawn]: data[wanted]};
  }
  const axis = named(drawn + "-axis");
  if (axis) axis.axis_label = choice.selectedOptions[0].text;
});
for (const choice of document.querySelectorAll("select[data-search]")) choice.addEventListener("change", () => {
  const [searches, kind, chosen] = ["search", "kind", "chosen"].map(name => named("trials").get_column(name));
  kinds.forEach((name, place) => {
    const rows = [...searches.keys()].filter(row => searches[row] == choice.value);
    const seen = rows.filter(row => name == "chosen" ? chosen[row] : kind[row] == place);
    named(choice.dataset.search + "-" + name).indices = seen;
  });
});
"""
