package main

import (
	"math"

	"github.com/wasinn/wasinn/internal/graphdiff"
)

// diffRow is what diff reports as JSON.
type diffRow struct {
	Model     string         `json:"model"`
	Path      string         `json:"path"`
	Nodes     int            `json:"nodes"`
	Found     string         `json:"found_by"`
	Want      string         `json:"expected_by"`
	RTol      float64        `json:"rtol"`
	ATol      float64        `json:"atol"`
	Seed      uint64         `json:"seed"`
	Inputs    []originRow    `json:"inputs"`
	Agree     bool           `json:"agree"`
	Result    string         `json:"result"`
	First     *diffNodeRow   `json:"first_node,omitempty"`
	Others    []int          `json:"other_nodes,omitempty"`
	Outputs   []diffValueRow `json:"outputs"`
	Expected  []diffValueRow `json:"expected,omitempty"`
	FoundSelf []diffValueRow `json:"found_by_fused_or_not,omitempty"`
	WantSelf  []diffValueRow `json:"expected_by_fused_or_not,omitempty"`
	Values    []diffValueRow `json:"values,omitempty"` // with --all
}

type originRow struct {
	Name string `json:"name"`
	Type string `json:"type"`
	From string `json:"from"`
}

// diffNodeRow is a node; Index counts from 0.
type diffNodeRow struct {
	Index      int            `json:"index"`
	Name       string         `json:"name"`
	Operator   string         `json:"operator"`
	Opset      string         `json:"opset"`
	Attributes []string       `json:"attributes"`
	Takes      []diffValueRow `json:"inputs"`
	Makes      []diffValueRow `json:"outputs"`
	Alone      []diffValueRow `json:"alone"`
	Verdict    string         `json:"verdict"`
}

// diffValueRow is a value and what came of it.
type diffValueRow struct {
	Name     string    `json:"name"`
	Engine   string    `json:"engine,omitempty"`
	Node     *int      `json:"node,omitempty"`
	Type     string    `json:"type,omitempty"`
	Status   string    `json:"status"`
	Reason   string    `json:"reason,omitempty"`
	Elements uint64    `json:"elements"`
	Differ   uint64    `json:"differ"`
	MaxAbs   float64   `json:"max_abs"`
	MaxRel   float64   `json:"max_rel"`
	Worst    *worstRow `json:"worst,omitempty"`
}

type worstRow struct {
	In       string `json:"in,omitempty"`
	Mismatch string `json:"mismatch,omitempty"`
	Index    []int  `json:"index,omitempty"`
	Found    string `json:"found,omitempty"`
	Want     string `json:"expected,omitempty"`
}

func valueRow(v graphdiff.Value) diffValueRow {
	d := v.Difference
	row := diffValueRow{Name: v.Name, Type: v.Type, Status: string(v.Status), Reason: v.Reason, Elements: d.Elements, Differ: d.Differ,
		MaxAbs: min(d.MaxAbs, math.MaxFloat64), MaxRel: min(d.MaxRel, math.MaxFloat64)}
	if v.Node >= 0 {
		row.Node = &v.Node
	}
	if w := d.Worst; w != nil {
		row.Worst = &worstRow{In: w.Path, Mismatch: w.Mismatch, Index: w.Index, Found: w.Found, Want: w.Want}
	}
	return row
}

func valueRows(values []graphdiff.Value) []diffValueRow {
	rows := make([]diffValueRow, len(values))
	for i, v := range values {
		rows[i] = valueRow(v)
	}
	return rows
}

// row is the report for JSON.
func (t diffText) row() diffRow {
	r := t.report
	row := diffRow{
		Model: t.name, Path: t.path, Nodes: r.Nodes, Found: r.Found, Want: r.Want, RTol: t.flags.tolerance.RTol, ATol: t.flags.tolerance.ATol,
		Seed: t.flags.seed, Inputs: []originRow{}, Agree: r.Equal(), Result: t.result(), Others: r.Others,
		Outputs: valueRows(r.Outputs), FoundSelf: valueRows(r.FoundWhole), WantSelf: valueRows(r.WantWhole),
	}
	for _, o := range t.origins {
		row.Inputs = append(row.Inputs, originRow(o))
	}
	for _, e := range r.Expected {
		v := valueRow(e.Value)
		v.Engine = e.Engine
		row.Expected = append(row.Expected, v)
	}
	if n := r.First; n != nil {
		row.First = &diffNodeRow{Index: n.Index, Name: n.Name, Operator: graphdiff.Operator(n.Node), Opset: opset(n), Attributes: n.Attributes,
			Takes: valueRows(n.Takes), Makes: valueRows(n.Makes), Alone: valueRows(n.Alone), Verdict: verdict(n, r)}
	}
	if t.flags.all {
		row.Values = valueRows(r.Values)
	}
	return row
}
