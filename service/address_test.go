package service_test

import (
	"strings"
	"testing"
	"time"

	"om/service"
	"om/task"
)

// TestNotifyValues: what the keywords that name people and servers take, and what they say of the rest.
func TestNotifyValues(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"notify_on = failed, ok started", ""},
		{"notify_on = none", ""},
		{"notify_on =", ""},
		{"notify_on = fail", `"fail": wanted failed, recovered, timeout, lost, missed, started, ok, skipped, late-start or none; did you mean "failed"?`},
		{"notify_on = none failed", "wanted none alone"},
		{"renotify = 4h", ""},
		{"notify_group = 0", ""},
		{"notify_group = soon", "wanted a duration"},
		{"notify_urgent = lost, long-running", ""},
		{"notify_urgent = config-rejected", `"config-rejected": wanted failed, recovered`},
		{"notify_quiet =", ""},
		{"notify_quiet = 22:00-06:00 mon-fri", ""},
		{"notify_quiet = [\"22:00-06:00\", \"* sat,sun\"] Europe/Paris", ""},
		{"notify_quiet = 22:00-06:00 UTC", ""},
		{"notify_quiet = 22:00-06:00 mun", `"mun": wanted a weekday`},
		{"notify_quiet = 22:00", "it is a point in time"},
		{"notify_quiet = *", "wanted ranges that end"},
		{"notify_quiet = 22:00-06:00 mon-fri Europe/Pariss", `"Europe/Pariss": wanted a time zone that this host knows`},
		{"renotify = often", "wanted a duration"},
		{"notify_mail = a@b.c, ops+om@example.com", ""},
		{"notify_mail = root@localhost", ""},
		{"notify_mail =", ""},
		{"notify_mail = Ops <ops@example.com>", `"Ops": wanted mail addresses as in ops@example.com`},
		{"notify_mail = ops", `"ops": wanted mail addresses`},
		{"notify_mail = ops@example.com; eve@example.com", "wanted mail addresses"},
		{"notify_mail = ops@.com", "wanted mail addresses"},
		{"notify_webhook = https://user:pw@hooks.example.com:8443/a/b?c=d", ""},
		{"notify_webhook = http://[::1]:80/", ""},
		{"notify_webhook = hooks.example.com/x", "it begins neither with https:// nor with http://"},
		{"notify_webhook = ftp://hooks.example.com/x", "it begins neither"},
		{"notify_webhook = https:///x", "it names no host"},
		{"notify_webhook = https://h/%zz", "it is no URL"},
		{"notify_webhook = https://h/a b", "characters that a URL must escape"},
		{"notify_webhook = https://h/" + strings.Repeat("x", 3000), "more than 2048 characters"},
		{"ping = https://hc.example.com/key/{name}-{rindex}", ""},
		{"ping = https://hc.example.com/key/{name}-{index}", "web-{index}\": wanted a URL as in https://host/path; a reference is written {name}, {rindex}"},
		{"ping = https://hc.example.com/key/{rid}", "what is behind # is never sent"},
		{"notify_webhook_secret = secrets/x", "wanted an absolute path"},
		{"notify_command = 'x", "wanted"},
	} {
		s := service.Parse("f", "web", []byte("[task#0]\ncommand = x\n"+c.line+"\n"), service.Node{Name: "n1"})
		var got []string
		for _, p := range s.Problems {
			got = append(got, p.String())
		}
		if text := strings.Join(got, "\n"); (c.want == "") != (text == "") || !strings.Contains(text, c.want) {
			t.Errorf("%.80s: got %q, want %q", c.line, text, c.want)
		}
	}
}

// TestNotifyInherits: a task has its own words, else those of [DEFAULT], else those of the node; an empty one
// is none.
func TestNotifyInherits(t *testing.T) {
	node, err := service.ParseNode("node.conf", []byte(`[notify]
on = failed
mail = node@example.com
webhook = https://node.example.com/
renotify = 1h
quiet = 22:00-06:00 mon-fri
urgent = lost
group = 1m
smtp = mail.example.com
[node]
timezone = Europe/Paris
`), "n1")
	if err != nil || len(node.Problems) > 0 {
		t.Fatal(err, node.Problems)
	}
	if node.Mail.Server != "mail.example.com:25" {
		t.Errorf("got %+v", node.Mail)
	}
	s := service.Parse("f", "web", []byte(`[DEFAULT]
notify_webhook = https://service.example.com/{name}
[task#0]
command = x
[task#1]
command = x
notify_mail =
notify_webhook = https://task.example.com/
notify_on = ok
notify_quiet = * sat,sun
notify_urgent =
notify_group = 0
timezone = Asia/Tokyo
renotify = 0
`), node)
	if len(s.Problems) > 0 || len(s.Tasks) != 2 {
		t.Fatal(s.Problems)
	}
	for i, want := range []task.Notify{
		{On: "failed", Renotify: time.Hour, Group: time.Minute, Quiet: "22:00-06:00 mon-fri Europe/Paris", Urgent: "lost", Mail: "node@example.com", Webhook: "https://service.example.com/web"},
		{On: "ok", Quiet: "* sat,sun", Webhook: "https://task.example.com/"},
	} {
		if got := s.Tasks[i].Notify; got != want {
			t.Errorf("task#%d: got %+v, want %+v", i, got, want)
		}
	}
	first, second := s.Tasks[0], s.Tasks[1]
	for got, want := range map[string]string{
		first.Notify.QuietFor("failed", "Asia/Tokyo"): "22:00-06:00 mon-fri Europe/Paris", first.Notify.QuietFor("lost", ""): "",
		second.Notify.QuietFor("lost", second.Timezone): "* sat,sun Asia/Tokyo", second.Notify.QuietFor("ok", ""): "* sat,sun Local",
	} {
		if got != want {
			t.Errorf("quiet hours: got %q, want %q", got, want)
		}
	}
	plain := service.Parse("f", "web", []byte("[task#0]\ncommand = x\n"), service.Node{Name: "n1"})
	if n := plain.Tasks[0].Notify; n.Any() || n.Renotify != 24*time.Hour || !n.Tells("missed") || n.Tells("ok") {
		t.Errorf("got %+v", n)
	}
}

// TestNodeNotify: what [notify] of node.conf refuses.
func TestNodeNotify(t *testing.T) {
	for _, c := range []struct{ lines, want string }{
		{"smtp = [::1]:2525\nfrom = om@example.com\nsmtp_tls = none", ""},
		{"smtp = ::1", "wanted a host and a port"},
		{"smtp = mail:0", "wanted a host and a port"},
		{"smtp = mail example", "wanted a host and a port"},
		{"smtp = smtp://mail:25", "wanted a host and a port"},
		{"smtp_tls = sometimes", "wanted opportunistic, required or none"},
		{"smtp_user = om\nsmtp_password = /x\nsmtp_tls = none", "a password is not sent in the clear"},
		{"mails = x@y", `did you mean "mail"`},
		{"from = om", "wanted mail addresses"},
		{"quiet = 22:00-06:00 Europe/Paris\nurgent = config-rejected lost\ngroup = 0", ""},
		{"quiet = 22:00-06:00@1h", "node.conf:2: [notify] quiet: \"22:00-06:00@1h\": wanted ranges of time"},
		{"urgent = config", "wanted config-rejected, clock-corrected"},
	} {
		_, err := service.ParseNode("node.conf", []byte("[notify]\n"+c.lines+"\n"), "n1")
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %q", c.lines, err, c.want)
		}
	}
}
