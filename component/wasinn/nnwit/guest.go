package nnwit

import (
	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/component/wasinn"
)

// guest is what one instance has of the host, whatever versions it uses.
type guest struct {
	session *wasinn.Session
	spare   []*output

	tensors20240625 tensors20240625
	tensors20240819 tensors20240819
	tensors20241028 tensors20241028
}

func newGuest(svc wasinn.Service) *guest { return &guest{session: wasinn.NewSession(svc)} }

// Close ends the guest's session, after the ABI has dropped its resources.
func (g *guest) Close() error { return g.session.Close() }

// output is an engine's output that tensor resources share: it is released
// with the last of them.
type output struct {
	backends.NamedTensor
	refs int
}

// maxSpare is how many unused objects of a kind a guest keeps.
const maxSpare = 64

// newOutput takes over an output with one reference.
func (g *guest) newOutput(nt backends.NamedTensor) *output {
	if n := len(g.spare); n > 0 {
		o := g.spare[n-1]
		g.spare = g.spare[:n-1]
		o.NamedTensor, o.refs = nt, 1
		return o
	}
	return &output{nt, 1}
}

func (g *guest) releaseOutput(o *output) {
	if o.refs--; o.refs > 0 {
		return
	}
	g.session.Release(o.NamedTensor)
	o.NamedTensor = backends.NamedTensor{}
	if len(g.spare) < maxSpare {
		g.spare = append(g.spare, o)
	}
}
