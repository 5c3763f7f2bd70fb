package main

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/wasinn/wasinn/component/wasip2"
)

// netFlags say what of the network a component is given.
type netFlags struct {
	net, listen, dns []string
	maxSockets       int
}

func (f *netFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.net, "allow-net", nil, "let the guest connect and send to `HOST[:PORT]`: an address, a network such as 10.0.0.0/8, a name, *.NAME or *; PORT is a number or LOW-HIGH; a name allows the public addresses that it leads to; repeatable")
	fs.StringArrayVar(&f.listen, "allow-listen", nil, "let the guest listen on `ADDRESS[:PORT]` of this machine; port 0 allows any that is free; repeatable")
	fs.StringArrayVar(&f.dns, "allow-dns", nil, "let the guest look `NAME` up: a name, *.NAME or *; those of --allow-net it may anyway; repeatable")
	fs.IntVar(&f.maxSockets, "max-sockets", wasip2.DefaultMaxSockets, "most sockets that a guest may have, `N`")
}

// any tells whether a flag grants anything.
func (f *netFlags) any() bool { return len(f.net)+len(f.listen)+len(f.dns) > 0 }

// errNoSockets is for core modules.
var errNoSockets = errors.New("--allow-net, --allow-listen and --allow-dns are for components: a preview 1 module has no way to make a socket")

// sockets reads the flags.
func (f *netFlags) sockets() (p wasip2.SocketPolicy, err error) {
	if f.maxSockets < 1 {
		return p, fmt.Errorf("--max-sockets %d: expected 1 or more", f.maxSockets)
	}
	p.MaxSockets = f.maxSockets
	for _, list := range []struct {
		flag   string
		values []string
		rules  *[]wasip2.AddressRule
	}{{"allow-net", f.net, &p.Connect}, {"allow-listen", f.listen, &p.Listen}, {"allow-dns", f.dns, &p.Lookup}} {
		for _, v := range list.values {
			r, err := wasip2.ParseAddressRule(v)
			if err != nil {
				return p, fmt.Errorf("--%s %s: %w", list.flag, v, err)
			}
			*list.rules = append(*list.rules, r)
		}
	}
	return p, nil
}
