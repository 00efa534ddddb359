package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"om/notice"
	"om/task"
)

// What of an answer is read.
const (
	maxAnswer  = 1 << 10
	maxHeaders = 64 << 10
)

// web delivers by HTTP.
type web struct {
	client *http.Client
	agent  string
	now    func() time.Time
	pace   *pace
}

// newWeb makes the client: it keeps no connections, follows nobody, and reads no more of an answer than is
// shown.
func newWeb(agent string, now func() time.Time, p *pace) *web {
	return &web{agent: agent, now: now, pace: p, client: &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true,
			TLSHandshakeTimeout: tryTimeout, ResponseHeaderTimeout: tryTimeout, MaxResponseHeaderBytes: maxHeaders,
			ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// webhook posts an event, signed as Standard Webhooks has it.
func (w *web) webhook(ctx context.Context, e *notice.Entry, t *notice.Target) error {
	body, err := json.Marshal(e.Event)
	if err != nil {
		return err
	}
	header := http.Header{}
	header.Set("Content-Type", "application/json")
	header.Set("Webhook-Id", e.Event.ID)
	stamp := strconv.FormatInt(w.now().Unix(), 10)
	header.Set("Webhook-Timestamp", stamp)
	if t.Secret != "" {
		key, bad := webhookKey(t.Secret)
		if bad != nil {
			return &failure{err: bad, own: true}
		}
		header.Set("Webhook-Signature", sign(key, e.Event.ID, stamp, body))
	}
	_, err = w.post(ctx, t.To, header, body)
	return err
}

// sign is the signature of a webhook.
func sign(key []byte, id, stamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s.%s.", id, stamp)
	_, _ = mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// webhookKey reads the key of signatures: base64 behind whsec_, or the text itself.
func webhookKey(path string) ([]byte, error) {
	text, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	coded, ok := strings.CutPrefix(text, "whsec_")
	if !ok {
		return []byte(text), nil
	}
	key, err := base64.StdEncoding.DecodeString(coded)
	if err != nil || len(key) == 0 {
		return nil, fmt.Errorf("%s: wanted base64 behind whsec_", path)
	}
	return key, nil
}

// maxSecret is the size of a file with a secret.
const maxSecret = 4 << 10

// readSecret reads a secret from a file that others can't read and, for root's omd, can't have placed. A pipe is not
// waited for.
func readSecret(path string) (string, error) {
	if os.Geteuid() == 0 {
		if err := task.Trusted(path); err != nil {
			return "", err
		}
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s: wanted a file", path)
	case info.Mode().Perm()&0o007 != 0:
		return "", fmt.Errorf("%s: everybody can read it (mode %04o): chmod o= %s", path, info.Mode().Perm(), path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	secret := strings.TrimRight(string(text), "\r\n")
	switch {
	case err != nil:
		return "", err
	case len(text) > maxSecret:
		return "", fmt.Errorf("%s: wanted at most %d bytes", path, maxSecret)
	case secret == "":
		return "", fmt.Errorf("%s: it is empty", path)
	}
	return secret, nil
}

// ping tells a healthchecks server of a run.
func (w *web) ping(ctx context.Context, e *notice.Entry, t *notice.Target) error {
	address, err := pingURL(t.To, &e.Event)
	if err != nil {
		return &failure{err: err, forever: true}
	}
	var body []byte
	if e.Event.Type != task.EventStarted {
		if body = lastOutput(ctx, e.Output, w.pace.body(t.Key())); len(body) == 0 {
			body = []byte(e.Event.Summary)
		}
	}
	header := http.Header{}
	header.Set("Content-Type", "text/plain; charset=utf-8")
	answer, err := w.post(ctx, address, header, body)
	if err != nil {
		return err
	}
	if limit, err := strconv.Atoi(answer.limit); err == nil {
		w.pace.learn(t.Key(), limit)
	}
	switch strings.TrimSpace(answer.text) {
	case "OK (not found)": // the server's way to say that it does not know the check
		return &failure{err: errors.New("the server has no such check"), forever: true, own: true}
	case "OK (rate limited)":
		return &failure{err: errors.New("the server wants fewer pings"), own: true, after: time.Minute}
	}
	return nil
}

// pingURL is where a ping goes, by what happened.
func pingURL(base string, e *notice.Event) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", errors.New("the URL can't be read")
	}
	if suffix := pingSuffix(e); suffix != "" {
		u = u.JoinPath(suffix)
	}
	if e.Run != nil {
		q := u.Query()
		q.Set("rid", e.Run.ID)
		u.RawQuery = q.Encode()
	}
	return u.String(), nil
}

func pingSuffix(e *notice.Event) string {
	switch {
	case e.Run == nil:
		return "log"
	case e.Type == task.EventStarted:
		return "start"
	case e.Run.State == string(task.Complete):
		return ""
	case e.Run.State == string(task.Failed) && e.Run.ExitCode != nil && *e.Run.ExitCode > 0 && *e.Run.ExitCode < 256:
		return strconv.Itoa(*e.Run.ExitCode)
	}
	return "fail"
}

// answer is what is used of a response.
type answer struct{ text, limit string }

// post sends a body and judges the answer. No error of it has the URL, which may be a secret.
func (w *web) post(ctx context.Context, address string, header http.Header, body []byte) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return answer{}, &failure{err: errors.New("the URL can't be used"), forever: true}
	}
	req.Header = header
	req.Header.Set("User-Agent", w.agent)
	resp, err := w.client.Do(req)
	if err != nil {
		return answer{}, errors.New(unnamed(withoutURL(err).Error(), req.URL))
	}
	defer func() { _ = resp.Body.Close() }()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // the status says enough
	a := answer{string(text), resp.Header.Get("Ping-Body-Limit")}
	if resp.StatusCode/100 == 2 {
		return a, nil
	}
	return a, refused(resp, a.text)
}

// unnamed takes out of an answer what it repeats of the URL: a server may say which page it does not have, and its path be a secret.
func unnamed(text string, u *url.URL) string {
	password, _ := u.User.Password()
	secrets := []string{u.String(), u.RequestURI(), u.RawQuery, u.EscapedPath(), u.Path, password}
	for _, values := range u.Query() {
		secrets = append(secrets, values...)
	}
	secrets = append(secrets, strings.Split(u.Path, "/")...)
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	for _, secret := range secrets {
		if len(secret) >= leastSecret {
			text = strings.ReplaceAll(text, secret, "...")
		}
	}
	return text
}

// leastSecret is how long a part of a URL is at least that is taken for a secret: a word that is shorter may be in any answer.
const leastSecret = 6

func withoutURL(err error) error {
	var u *url.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &u) && u.Timeout():
		return errors.New("no answer in time")
	case errors.As(err, &u):
		return u.Err
	}
	return err
}

// refused is the error of an answer that is no success.
func refused(resp *http.Response, text string) error {
	status := unnamed(notice.Line(resp.Status), resp.Request.URL)
	f := &failure{err: fmt.Errorf("the server answered %s: %.200s", status, unnamed(notice.Line(text), resp.Request.URL))}
	switch code := resp.StatusCode; {
	case code == http.StatusGone:
		f.forever, f.own = true, true
	case code/100 == 3:
		f.own = true
		f.err = fmt.Errorf("the server answered %s: write the URL that it has moved to", status)
	case code/100 == 4 && code != http.StatusTooManyRequests:
		f.own = true
	}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		f.after = time.Duration(min(s, int(maxAfter/time.Second))) * time.Second
	}
	return f
}

// hostOf names what is asked to deliver to a target.
func hostOf(t *notice.Target) string {
	if t.Kind == notice.Command || t.Kind == notice.Mail {
		return t.Kind
	}
	return t.Shown()
}
