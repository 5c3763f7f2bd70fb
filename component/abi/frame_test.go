package abi

import "testing"

func TestFrameString(t *testing.T) {
	for _, c := range []struct {
		frame Frame
		want  string
	}{
		{Frame{Module: 1, Func: 17, Name: "crate::decode::inner", Offset: 0x1a2b, Source: "src/decode.rs:12:3"},
			`module[1]!func[17] "crate::decode::inner" at 0x1a2b (src/decode.rs:12:3)`},
		{Frame{Module: -1, Func: 3}, "func[3]"},
		{Frame{Module: 0, Name: "\x1b[2J\r\nhidden\u202e", Source: "\x1b]0;title\a"},
			`module[0]!func[0] "\x1b[2J\r\nhidden\u202e" ("\x1b]0;title\a")`},
		{Frame{Module: -1, Host: "wasi:cli/exit@0.2.0#exit"}, "import wasi:cli/exit@0.2.0#exit"},
		{Frame{Module: -1, Host: "a\nb"}, `import "a\nb"`},
	} {
		if got := c.frame.String(); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}
