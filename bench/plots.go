package main

import (
	"fmt"
	"image/color"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// writePlots writes the bar charts and one line chart per growth curve.
func writePlots(folder string, r results) {
	plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"} // as wide as the font that browsers substitute
	barChart(folder, "new-tokens.svg", "New tokens, RS256, 700 bytes", "ns per request", barsOf(r.newTokens["RS256 700"]))
	barChart(folder, "repeating-tokens.svg", "Repeated tokens (100 distinct), RS256, 700 bytes", "ns per request", barsOf(r.repeatedTokens["RS256 700"]))
	var rates []bar
	for _, l := range r.loadSmall {
		rates = append(rates, bar{l.name, l.perSecond})
	}
	barChart(folder, "throughput.svg", "A server under load, tokens of 700 bytes", "requests per second", rates)
	for i, c := range r.curves {
		lineChart(folder, fmt.Sprintf("growth-%d.svg", i), c)
	}
}

type bar struct {
	name  string
	value float64
}

func barsOf(t table) (rows []bar) {
	for _, m := range t.rows {
		rows = append(rows, bar{m.name, m.ns})
	}
	return rows
}

func barChart(folder, file, title, unit string, rows []bar) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text = title, unit
	var values plotter.Values
	var names []string
	for i := len(rows) - 1; i >= 0; i-- { // the first row is at the top
		values, names = append(values, rows[i].value), append(names, rows[i].name)
	}
	chart := must(plotter.NewBarChart(values, vg.Points(12)))
	chart.Horizontal, chart.Color = true, color.Gray{Y: 128}
	p.Add(plotter.NewGrid(), chart)
	p.NominalY(names...)
	p.X.Max *= 1.05 // leaves space beside the longest bar
	p.Y.Min, p.Y.Max = -0.7, float64(len(rows))-0.3
	save(p, filepath.Join(folder, file), vg.Length(len(rows)+4)*vg.Points(18))
}

func lineChart(folder, file string, c curve) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = c.title, c.parameter, "ns per request"
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	p.Y.Min = 0
	points := make(plotter.XYs, len(c.points))
	for i, point := range c.points {
		points[i] = plotter.XY{X: point.x, Y: point.ns}
		p.Y.Max = max(p.Y.Max, 1.1*point.ns)
	}
	path, dots, err := plotter.NewLinePoints(points)
	if err != nil {
		panic(err)
	}
	p.Add(path, dots, plotter.NewGrid())
	save(p, filepath.Join(folder, file), vg.Points(220))
}

func save(p *plot.Plot, file string, height vg.Length) {
	if err := p.Save(vg.Points(520), height, file); err != nil {
		panic(err)
	}
}
