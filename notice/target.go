package notice

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"om/task"
)

// The kinds of targets.
const (
	Command = "command"
	Mail    = "mail"
	Webhook = "webhook"
	Ping    = "ping"
)

// Target is one who is told an event, and how often that was tried.
type Target struct {
	Kind   string `json:"kind"`
	To     string `json:"to"`               // the command, the address, or the URL
	Secret string `json:"secret,omitempty"` // the file with the key of a webhook
	Shell  string `json:"shell,omitempty"`  // that runs the command: the keyword shell

	Message string `json:"message,omitempty"` // the id of the message about several events that tells this one

	Tries int       `json:"tries,omitempty"`
	Next  time.Time `json:"next,omitzero"` // when to try again
	Error string    `json:"error,omitempty"`
	Over  string    `json:"over,omitempty"` // "delivered", "dead": nothing more is tried
}

// How a target ends.
const (
	Delivered = "delivered"
	Dead      = "dead"
)

// Key names a target in files and for the order of deliveries; it does not show where a URL leads.
func (t *Target) Key() string {
	sum := sha256.Sum256([]byte(t.Kind + "\x00" + t.To))
	return hex.EncodeToString(sum[:8])
}

// Shown names a target for people: of a URL only where it leads, for the rest may be a secret.
func (t *Target) Shown() string {
	if t.Kind != Webhook && t.Kind != Ping {
		return t.To
	}
	_, rest, _ := strings.Cut(t.To, "://")
	host, _, _ := strings.Cut(rest+"/", "/")
	host, _, _ = strings.Cut(host, "?")
	return host[strings.LastIndexByte(host, '@')+1:]
}

// Wait is why people are not told of an event at once. It holds for no ping.
type Wait struct {
	Quiet string        `json:"quiet,omitempty"`    // quiet hours, with their zone
	Group time.Duration `json:"group_ns,omitempty"` // in which more may happen to the service
}

// WaitOf is what a section says for an event; zone is that of its quiet hours where they name none.
func WaitOf(n *task.Notify, event, zone string) Wait {
	return Wait{Quiet: n.QuietFor(event, zone), Group: n.Group}
}

// People are the targets of the events that people are told.
func People(t *task.Task) []Target { return Of(&t.Notify, t.Shell) }

// Of is People of what a section says; shell is what runs its command.
func Of(n *task.Notify, shell string) []Target {
	var all []Target
	if n.Command != "" {
		all = append(all, Target{Kind: Command, To: n.Command, Shell: shell})
	}
	to := n.Addresses()
	slices.Sort(to)
	for _, address := range slices.Compact(to) { // one that the server refuses does not keep the others from theirs
		all = append(all, Target{Kind: Mail, To: address})
	}
	if n.Webhook != "" {
		all = append(all, Target{Kind: Webhook, To: n.Webhook, Secret: n.WebhookSecret})
	}
	return all
}

// Pings are the targets that are told of each run.
func Pings(t *task.Task) []Target {
	if t.Notify.Ping == "" {
		return nil
	}
	return []Target{{Kind: Ping, To: t.Notify.Ping}}
}

// slotID is the same for the same slots, as the id of a run is for a run.
func slotID(node string, id task.ID, slot string) string {
	sum := sha256.Sum256([]byte(node + "\x00" + id.Service + "\x00" + id.RID + "\x00" + slot))
	return hex.EncodeToString(sum[:12])
}
