package service

import (
	"path"
	"slices"
	"strings"
)

// place is where this node stands in a service: the lists of nodes of [DEFAULT] that have it.
type place struct {
	node                        string
	nodes, drpNodes, encapNodes bool
	flexPrimary, drpFlexPrimary bool
	known                       []string // every node that the lists name
	listed                      bool     // there is such a list

	several, alone bool   // see Service.Several, Service.Alone
	one            string // see Service.One
}

// The ranks of scopes, by OpenSVC's order: the higher one counts.
const (
	rankNone int8 = iota
	rankPlain
	rankDRPFlexPrimary
	rankFlexPrimary
	rankEncapNodes
	rankDRPNodes
	rankNodes
	rankNode
)

// rank says how well a scope fits this node.
func (p *place) rank(scope string) int8 {
	if scope == "" {
		return rankPlain
	}
	if strings.EqualFold(scope, p.node) {
		return rankNode
	}
	fits, rank := false, rankNone
	switch scope {
	case "nodes":
		fits, rank = p.nodes, rankNodes
	case "drpnodes":
		fits, rank = p.drpNodes, rankDRPNodes
	case "encapnodes":
		fits, rank = p.encapNodes, rankEncapNodes
	case "flex_primary":
		fits, rank = p.flexPrimary, rankFlexPrimary
	case "drp_flex_primary":
		fits, rank = p.drpFlexPrimary, rankDRPFlexPrimary
	}
	if !fits {
		return rankNone
	}
	return rank
}

// scopeWords are the scopes that name no node.
func scopeWords() []string {
	return []string{"nodes", "drpnodes", "encapnodes", "flex_primary", "drp_flex_primary"}
}

// doubt returns what is strange about a scope, "" if nothing is.
func (p *place) doubt(scope string) (what, hint string) {
	if slices.Contains(scopeWords(), scope) || strings.EqualFold(scope, p.node) {
		return "", ""
	}
	if slices.ContainsFunc(p.known, func(n string) bool { return strings.EqualFold(n, scope) }) {
		return "", ""
	}
	hint = didYouMean(scope, append(scopeWords(), p.known...))
	if !p.listed && hint == "" {
		return "", ""
	}
	return "wanted the scope of a node in nodes, drpnodes or encapnodes, or one of " + oneOf(scopeWords()), hint
}

// locate finds the node's place in the lists of [DEFAULT]. The lists themselves can only be scoped by
// the name of a node.
func (b *builder) locate() {
	p := &b.place
	p.node = b.node.Name
	nodes := b.nodeList("nodes")
	drp := b.nodeList("drpnodes")
	encap := b.nodeList("encapnodes")
	b.Nodes = nodes
	p.known = slices.Concat(nodes, drp, encap)
	p.listed = len(p.known) > 0
	flex, drpFlex := b.primary("flex_primary", nodes), b.primary("drp_flex_primary", drp)
	p.nodes = len(nodes) == 0 || b.node.in(nodes)
	p.drpNodes, p.encapNodes = b.node.in(drp), b.node.in(encap)
	p.flexPrimary = b.node.in(flex) || len(nodes) == 0 && len(flex) == 0
	p.drpFlexPrimary = b.node.in(drpFlex)
	p.surround(&b.node, nodes, drp, flex)
}

// nodeList returns the words of a list of nodes, in lower case. What is wrong with it is told when
// [DEFAULT] is read.
func (b *builder) nodeList(name string) []string {
	sec := b.file.section("DEFAULT")
	e := b.best(sec, name)
	if e == nil {
		return nil
	}
	text, err := b.evaluated(sec, e)
	if err != nil {
		return nil
	}
	return strings.Fields(strings.ToLower(text))
}

// primary is the node that a keyword names, or the first of the list.
func (b *builder) primary(name string, list []string) []string {
	if named := b.nodeList(name); len(named) > 0 {
		return named[:1]
	}
	return list[:min(len(list), 1)]
}

// in reports whether the node is one of list: names, patterns of names, and LABEL=VALUE.
func (n *Node) in(list []string) bool {
	name := strings.ToLower(n.Name)
	for _, word := range list {
		if label, value, ok := strings.Cut(word, "="); ok && strings.EqualFold(n.Labels[label], value) {
			return true
		}
		if matched, err := path.Match(word, name); err == nil && matched {
			return true
		}
	}
	return false
}

// Elsewhere says why the service is not for this node: it lists its nodes, and this is none of them.
// It is "" where the service is for this node, or lists none.
func (s *Service) Elsewhere() string {
	p := s.place
	if !p.listed || p.nodes || p.drpNodes || p.encapNodes {
		return ""
	}
	return p.node + " is none of its nodes: " + strings.Join(p.known, " ")
}
