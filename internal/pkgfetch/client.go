package pkgfetch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	// pollEvery is how often a download's progress is looked at.
	pollEvery = 200 * time.Millisecond
	// stderrTail is how many bytes of a client's standard error are kept.
	stderrTail = 4 << 10
	// A client holds an archive about twice for a moment, in its scratch folder
	// and at its destination; what grows far beyond that is not the package.
	downloadSlack = 64 << 20
	// maxDownload bounds a download whose size the source does not tell.
	maxDownload = 4 << 30
)

// downloadLimit is how many bytes the client may put on the disk for s.
func (s Source) downloadLimit() int64 {
	if s.Size <= 0 || s.Size > maxDownload {
		return maxDownload
	}
	return 3*s.Size + downloadSlack
}

// command is an installed client: a program and its first arguments.
type command []string

// locate finds an installed client, or returns nil.
func locate(ctx context.Context, c Client) command {
	if c == NPM {
		if _, err := exec.LookPath("npm"); err == nil {
			return command{"npm"}
		}
		return nil
	}
	// Many a python3 comes without pip, so each candidate is asked.
	for _, candidate := range []command{{"python3", "-m", "pip"}, {"python", "-m", "pip"}, {"pip3"}, {"pip"}} {
		if _, err := exec.LookPath(candidate[0]); err != nil {
			continue
		}
		probe := exec.CommandContext(ctx, candidate[0], append(candidate[1:len(candidate):len(candidate)], "--version")...)
		probe.WaitDelay = time.Second
		if probe.Run() == nil {
			return candidate
		}
	}
	return nil
}

// arguments are those that download s into the folder dest and use nothing
// but the folder scratch beside it.
func (s Source) arguments(dest, scratch string) []string {
	if s.Client == NPM {
		return []string{"pack", s.Name + "@" + s.Version, "--pack-destination", dest,
			"--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel", "error", "--cache", scratch,
			"--fetch-retries", "1", "--fetch-retry-mintimeout", "2000"} // where there is no network, npm would wait for more than a minute
	}
	args := []string{"download", "--no-deps", "--only-binary", ":all:", "--no-cache-dir",
		"--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--dest", dest}
	for _, option := range [][2]string{{"--platform", s.Platform}, {"--python-version", s.Python}, {"--abi", s.ABI}} {
		if option[1] != "" {
			args = append(args, option[0], option[1])
		}
	}
	if s.Python != "" {
		args = append(args, "--implementation", "cp")
	}
	return append(args, s.Name+"=="+s.Version)
}

// download runs the client for s below the folder work and returns the path
// of the one archive it wrote.
func (s Source) download(ctx context.Context, client command, work string, progress func(done int64)) (string, error) {
	dest, scratch := filepath.Join(work, "download"), filepath.Join(work, "scratch")
	for _, dir := range []string{dest, scratch} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return "", err
		}
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	bounded := func(done int64) {
		if limit := s.downloadLimit(); done > limit {
			stop(fmt.Errorf("the client has written %d bytes, more than the %d that the package can take", done, limit))
			return
		}
		progress(done)
	}
	args := append(client[1:len(client):len(client)], s.arguments(dest, scratch)...)
	if err := run(ctx, exec.CommandContext(ctx, client[0], args...), work, scratch, bounded); err != nil {
		return "", err
	}
	return onlyFile(dest)
}

// run runs cmd in the folder work, with temporary files in scratch, and
// reports how many bytes lie below work while it runs.
func run(ctx context.Context, cmd *exec.Cmd, work, scratch string, progress func(done int64)) error {
	stderr := &tail{limit: stderrTail}
	cmd.Dir = work // no project's package.json or .npmrc is near
	cmd.Env = append(os.Environ(), "TMPDIR="+scratch, "TMP="+scratch, "TEMP="+scratch)
	cmd.Stderr = stderr
	cmd.WaitDelay = 2 * time.Second // a grandchild may hold the pipe
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return &ClientError{Command: strings.Join(cmd.Args, " "), Err: err}
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			progress(bytesBelow(work))
		case err := <-ended:
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				return &ClientError{Command: strings.Join(cmd.Args, " "), Stderr: stderr.String(), Err: err}
			}
			progress(bytesBelow(work))
			return context.Cause(ctx)
		}
	}
}

// onlyFile returns the one regular file in dir.
func onlyFile(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	if len(entries) != 1 || !entries[0].Type().IsRegular() {
		return "", fmt.Errorf("the client left %d things in its download folder, want one archive", len(entries))
	}
	return filepath.Join(dir, entries[0].Name()), nil
}

// bytesBelow sums the sizes of the files below dir. Files may come and go
// meanwhile, so it skips what it cannot see.
func bytesBelow(dir string) int64 {
	var sum int64
	// The walk's own error is always nil: the function swallows each.
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			if d != nil && d.IsDir() && errors.Is(err, fs.ErrNotExist) {
				return fs.SkipDir
			}
			return nil
		}
		if info, err := d.Info(); err == nil && d.Type().IsRegular() {
			sum += info.Size()
		}
		return nil
	})
	return sum
}

// tail keeps the last limit bytes written to it.
type tail struct {
	limit   int
	kept    []byte
	dropped bool
}

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - t.limit; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
		t.dropped = true
	}
	return len(p), nil
}

func (t *tail) String() string {
	text := strings.TrimSpace(strings.ToValidUTF8(string(t.kept), "?"))
	if t.dropped {
		return "... " + text
	}
	return text
}
