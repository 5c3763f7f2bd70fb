package hostnet

import (
	"net/netip"
	"strings"
	"testing"
)

func TestRulesSayWhatTheyAllow(t *testing.T) {
	for _, c := range []struct {
		rule, allowed, refused string // addresses and names with ports
	}{
		{"127.0.0.1:80", "127.0.0.1:80 [::ffff:127.0.0.1]:80", "127.0.0.1:81 127.0.0.2:80 localhost:80"},
		{"127.0.0.1", "127.0.0.1:0 127.0.0.1:65535", "127.0.0.2:1"},
		{"10.0.0.0/8", "10.1.2.3:5", "11.0.0.0:5 0.0.0.0:5 [::1]:5"},
		{"10.0.0.0/8:5-7", "10.1.2.3:5 10.1.2.3:7", "10.1.2.3:4 10.1.2.3:8"},
		{"::1", "[::1]:9", "[::2]:9 127.0.0.1:9"},
		{"[::1]:9", "[::1]:9", "[::1]:8"},
		{"[fd00::/8]:443", "[fd12::1]:443 [fd12::1%eth0]:443", "[fd12::1]:80 [fe80::1]:443"},
		{"fd00::/8", "[fd12::1]:443", "[fe80::1]:443"},
		{"Example.com.:443", "example.com:443", "example.com:80 www.example.com:443 93.184.216.34:443"},
		{"*.example.com", "a.example.com:1 a.b.example.com:2", "example.com:1 badexample.com:1"},
		{"*:53", "8.8.8.8:53 anything:53 [::1]:53", "8.8.8.8:54"},
		{"*", "8.8.8.8:53 anything:0", ""},
		{"127.0.0.1:*", "127.0.0.1:1", "127.0.0.2:1"},
	} {
		r, err := ParseRule(c.rule)
		if err != nil {
			t.Errorf("%s: %v", c.rule, err)
			continue
		}
		for _, test := range strings.Fields(c.allowed) {
			if !allows(r, test) {
				t.Errorf("%s does not allow %s", c.rule, test)
			}
		}
		for _, test := range strings.Fields(c.refused) {
			if allows(r, test) {
				t.Errorf("%s allows %s", c.rule, test)
			}
		}
		if again, err := ParseRule(r.String()); err != nil || again != r {
			t.Errorf("%s writes itself as %s, which is %+v, %v", c.rule, r, again, err)
		}
	}
}

func allows(r Rule, s string) bool {
	if a, err := netip.ParseAddrPort(s); err == nil {
		return r.AllowsAddr(a.Addr()) && r.AllowsPort(a.Port())
	}
	host, port, _ := strings.Cut(s, ":")
	low, _, _ := parsePorts(port)
	return r.AllowsName(host) && r.AllowsPort(low)
}

func TestTheZeroRuleAllowsNothing(t *testing.T) {
	var r Rule
	if r.AllowsPort(0) || r.AllowsAddr(netip.IPv4Unspecified()) || r.AllowsAddr(netip.Addr{}) || r.AllowsName("") {
		t.Error("the zero rule allows something")
	}
}

func TestRulesThatAreNone(t *testing.T) {
	for rule, want := range map[string]string{
		"":                        "expected letters",
		":80":                     "expected letters",
		"a b":                     "expected letters",
		"a..b":                    "expected letters",
		"-é":                      "expected letters",
		strings.Repeat("a", 64):   "expected letters",
		strings.Repeat("a.", 130): "expected letters",
		"10.0.0.1/8":              "did you mean 10.0.0.0/8",
		"10.0.0":                  "no address",
		"10.0.0.0/33":             "no address",
		"1.2.3.256":               "no address",
		"::ffff:1.2.3.4":          "as an IPv4 address",
		"fe80::1%eth0":            "leave the zone out",
		"[::1":                    "not closed",
		"[::1]80":                 "expected a colon",
		"a:65536":                 "up to 65535",
		"a:":                      "up to 65535",
		"a:9-8":                   "up to 65535",
		"a:-1":                    "up to 65535",
		"a.*":                     "expected letters",
		"*a":                      "expected letters",
	} {
		if r, err := ParseRule(rule); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want an error with %q", rule, r, err, want)
		}
	}
}

func FuzzParseRule(f *testing.F) {
	for _, s := range []string{"127.0.0.1:80", "[fd00::/8]:1-2", "*.a.b", "*", "::1", "[", "a:*", "0/0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRule(s)
		if err != nil {
			return
		}
		if again, err := ParseRule(r.String()); err != nil || again != r {
			t.Errorf("%q is %s, which is %s, %v", s, r, again, err)
		}
	})
}

func TestPublicAddressesAreThoseOfTheInternet(t *testing.T) {
	for _, c := range []struct {
		public bool
		addrs  string
	}{
		{true, "8.8.8.8 93.184.216.34 2606:2800:220:1::1 ::ffff:8.8.8.8"},
		{false, "127.0.0.1 10.1.1.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 0.1.2.3 224.0.0.1 255.255.255.255 " +
			"::1 :: ::ffff:127.0.0.1 ::7f00:1 64:ff9b::7f00:1 2002:7f00:1:: fe80::1 fd00::1 ff02::1 192.0.2.1"},
	} {
		for _, s := range strings.Fields(c.addrs) {
			if got := Public(netip.MustParseAddr(s)); got != c.public {
				t.Errorf("%s is public: %v", s, got)
			}
		}
	}
}
