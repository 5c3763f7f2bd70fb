package main

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/wasinn/wasinn/component/wasip2"
)

// netFlags say what of the network a component is given.
type netFlags struct {
	net, listen, dns, http []string
	maxSockets             int
}

func (f *netFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.net, "allow-net", nil, "let the guest connect and send to `HOST[:PORT]`: an address, a network such as 10.0.0.0/8, a name, *.NAME or *; PORT is a number or LOW-HIGH; a name allows the public addresses that it leads to; repeatable")
	fs.StringArrayVar(&f.listen, "allow-listen", nil, "let the guest listen on `ADDRESS[:PORT]` of this machine; port 0 allows any that is free; repeatable")
	fs.StringArrayVar(&f.dns, "allow-dns", nil, "let the guest look `NAME` up: a name, *.NAME or *; those of --allow-net it may anyway; repeatable")
	fs.StringArrayVar(&f.http, "allow-http", nil, "let the guest make HTTP requests to `HOST[:PORT]`, with http:// or https:// before it for one of them only; HOST and PORT as for --allow-net; without PORT 80 and 443; repeatable")
	fs.IntVar(&f.maxSockets, "max-sockets", wasip2.DefaultMaxSockets, "most sockets that a guest may have, `N`")
}

// any tells whether a flag grants anything.
func (f *netFlags) any() bool { return len(f.net)+len(f.listen)+len(f.dns)+len(f.http) > 0 }

// errNoNetwork is for core modules.
var errNoNetwork = errors.New("--allow-net, --allow-listen, --allow-dns and --allow-http are for components: a preview 1 module has no way to use the network")

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

// requests reads --allow-http.
func (f *netFlags) requests() (p wasip2.HTTPPolicy, err error) {
	for _, v := range f.http {
		r, err := wasip2.ParseHTTPRule(v)
		if err != nil {
			return p, fmt.Errorf("--allow-http %s: %w", v, err)
		}
		p.Allow = append(p.Allow, r)
	}
	return p, nil
}
