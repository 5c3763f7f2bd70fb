package onnxfile

// functionID is how a node names the model-local function it calls. Operators
// are named in the same way.
type functionID struct{ domain, name, overload string }

// scope is the nodes of the graph or of one function, those of subgraphs
// included.
type scope struct {
	at    int // in the file
	calls map[functionID]uint64

	open, done bool   // of expand
	nodes      uint64 // what expand found
}

func (s *scope) add(call functionID) {
	if s.calls == nil {
		s.calls = make(map[functionID]uint64)
	}
	s.calls[call]++
}

// checkExpansion checks that functions do not call themselves and that putting
// them in place of their calls, which ONNX Runtime does, ends within MaxNodes:
// 40 functions that call the next one twice make 2^40 nodes.
func (p *parser) checkExpansion() error {
	if _, err := p.expand(&p.main, 0); err != nil {
		return err
	}
	for _, f := range p.functions { // those never called, too
		if _, err := p.expand(f, 0); err != nil {
			return err
		}
	}
	return nil
}

// expand counts the nodes of s with its calls expanded.
func (p *parser) expand(s *scope, depth int) (uint64, error) {
	switch {
	case s.done:
		return s.nodes, nil
	case s.open:
		return 0, garbage(s.at, "a function calls itself")
	case depth > MaxDepth:
		return 0, limit(s.at, "functions call each other more than %d deep", MaxDepth)
	}
	s.open = true
	for call, times := range s.calls {
		each := uint64(1)
		if f := p.functions[call]; f != nil {
			var err error
			if each, err = p.expand(f, depth+1); err != nil {
				return 0, err
			}
		}
		s.nodes += mulAtMost(each, times, MaxNodes)
		if s.nodes > MaxNodes {
			return 0, limit(s.at, "there are more than %d nodes once functions are put in place of their calls", MaxNodes)
		}
	}
	s.open, s.done = false, true
	return s.nodes, nil
}
