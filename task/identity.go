package task

import (
	"errors"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// identity is who a command runs as.
type identity struct {
	user        User
	impersonate bool // this process must change to be that user
}

// account is whom a keyword asks for.
type account struct {
	name, group string
	extra       []string // groups beside the user's own
	home        string   // instead of the user's own
}

// identity finds out who a is and whether we may be them. Without any wish it is this process's own
// identity as it stands.
func (s *resolution) identity(a account) (identity, error) {
	if a.name == "" && a.group == "" && len(a.extra) == 0 {
		own, err := s.own(a)
		return identity{user: own}, err
	}
	u, err := s.wanted(a)
	if err != nil {
		return identity{}, err
	}
	if s.EUID == 0 {
		return identity{u, true}, s.permitted(u)
	}
	return s.myself(a, u)
}

// own is the user of this process, with its groups as they are.
func (s *resolution) own(a account) (User, error) {
	number := strconv.Itoa(s.EUID)
	u, err := s.Users.account(s.ctx, number)
	if errors.Is(err, ErrNotFound) && a.home != "" {
		u, err = User{Name: number, UID: uint32(s.EUID)}, nil
	}
	if err != nil {
		return u, err
	}
	u.GID, u.Groups = uint32(s.EGID), s.groups()
	if a.home != "" {
		u.Home = a.home
	}
	return u, nil
}

// groups lists those of this process.
func (s *resolution) groups() []uint32 {
	own := s.Groups
	if own == nil {
		own, _ = unix.Getgroups()
	}
	groups := make([]uint32, len(own))
	for i, gid := range own {
		groups[i] = uint32(gid)
	}
	slices.Sort(groups)
	return groups
}

// wanted looks up whom a asks for.
func (s *resolution) wanted(a account) (User, error) {
	if a.name == "" {
		a.name = strconv.Itoa(s.EUID)
	}
	u, err := s.Users.Lookup(s.ctx, a.name, s.Now())
	if errors.Is(err, ErrNotFound) {
		u, err = s.unlisted(a, err)
	}
	if err != nil {
		return u, err
	}
	if a.home != "" {
		u.Home = a.home
	}
	err = s.regroup(&u, a)
	return u, err
}

// unlisted is a user that is a mere number: nothing says its group and home but the task.
func (s *resolution) unlisted(a account, notFound error) (User, error) {
	uid, err := number(a.name, "user")
	if err != nil {
		return User{}, notFound
	}
	if a.group == "" || a.home == "" {
		return User{}, setting("user %s has no entry among the users: wanted group and home beside it", a.name)
	}
	return User{Name: a.name, UID: uid}, nil
}

// regroup gives u the primary group and the further groups that a asks for.
func (s *resolution) regroup(u *User, a account) error {
	if a.group != "" {
		gid, err := s.Users.GroupID(s.ctx, a.group)
		if err != nil {
			return err
		}
		u.GID = gid
		if u.Groups, err = s.Users.groupsOf(s.ctx, u.Name, gid); err != nil {
			return err
		}
	}
	for _, name := range a.extra {
		gid, err := s.Users.GroupID(s.ctx, name)
		if err != nil {
			return err
		}
		u.Groups = append(u.Groups, gid)
	}
	slices.Sort(u.Groups)
	u.Groups = slices.Compact(u.Groups)
	return nil
}

// permitted tells whether root's om may run as u.
func (s *resolution) permitted(u User) error {
	switch {
	case int(u.UID) == s.EUID && s.Allow == nil:
		return nil
	case u.Expired:
		return notPermitted("user %s: the account has expired", u.Name)
	case s.Allow == nil:
		return nil
	}
	if err := s.Allow(u); err != nil {
		return notPermitted("%s", err)
	}
	return nil
}

// myself is u where a normal user asks: only who they are already.
func (s *resolution) myself(a account, u User) (identity, error) {
	own := s.groups()
	if int(u.UID) != s.EUID {
		return identity{}, notPermitted("user %s: only root may run a task as somebody else, and this is %s", u.Name, s.Users.Name(s.EUID))
	}
	if a.group != "" && int(u.GID) != s.EGID {
		return identity{}, notPermitted("group %s: only root may change the group, and this process has %d", a.group, s.EGID)
	}
	for _, name := range a.extra {
		gid, err := s.Users.GroupID(s.ctx, name)
		if err != nil {
			return identity{}, err
		}
		if int(gid) != s.EGID && !slices.Contains(own, gid) {
			return identity{}, notPermitted("group %s: user %s is not in it", name, u.Name)
		}
	}
	u.GID, u.Groups = uint32(s.EGID), own
	return identity{user: u}, nil
}
