package nnwit

import (
	"context"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/wasinn"
)

// graphs is a version's graph interface for one guest: Gr, Ctx and Err are the
// version's interfaces graph, graph-execution-context and error, Enc and Tgt
// its graph-encoding and execution-target.
type graphs[Gr, Ctx, Err any, Enc, Tgt enum] struct {
	g         *guest
	encodings *names[Enc, backends.Encoding]
	targets   *names[Tgt, backends.Target]
	fail      func(error) Err
	context   func(wasinn.ExecutionContext, []backends.TensorInfo) Ctx
}

// Load loads a model. The parts are views of guest memory, which engines read
// and do not keep.
func (gs *graphs[Gr, Ctx, Err, Enc, Tgt]) Load(ctx context.Context, builder [][]byte, enc Enc, target Tgt) (abi.Result[Gr, Err], error) {
	wg, err := gs.g.session.Load(ctx, builder, gs.encodings.word(enc), gs.targets.word(target))
	return gs.result(wg, err), nil
}

// LoadByName gives a graph of the host's registry.
func (gs *graphs[Gr, Ctx, Err, Enc, Tgt]) LoadByName(ctx context.Context, name string) (abi.Result[Gr, Err], error) {
	wg, err := gs.g.session.LoadByName(ctx, name)
	return gs.result(wg, err), nil
}

func (gs *graphs[Gr, Ctx, Err, Enc, Tgt]) result(wg wasinn.Graph, err error) (r abi.Result[Gr, Err]) {
	if err != nil {
		r.Err, r.IsErr = gs.fail(err), true
		return r
	}
	r.OK = any(&graph[Gr, Ctx, Err, Enc, Tgt]{gs, wg}).(Gr)
	return r
}

// graph is a graph resource of any version.
type graph[Gr, Ctx, Err any, Enc, Tgt enum] struct {
	gs *graphs[Gr, Ctx, Err, Enc, Tgt]
	wg wasinn.Graph
}

// InitExecutionContext makes an execution context.
func (gr *graph[Gr, Ctx, Err, Enc, Tgt]) InitExecutionContext(ctx context.Context) (r abi.Result[Ctx, Err], _ error) {
	ec, err := gr.wg.NewContext(ctx)
	if err != nil {
		r.Err, r.IsErr = gr.gs.fail(err), true
		return r, nil
	}
	r.OK = gr.gs.context(ec, gr.wg.Inputs())
	return r, nil
}

// Drop gives the graph up; contexts made of it keep what they need. That an
// engine cannot close a model is no fault of the guest's.
func (gr *graph[Gr, Ctx, Err, Enc, Tgt]) Drop(context.Context) error {
	gr.wg.Close()
	return nil
}
