package service

import "strings"

// foreign reports whether name is a keyword that OpenSVC's agents know in sections of group and om
// does not: a file with it stays valid, and the keyword is kept as text.
func foreign(group, name string) bool {
	return hasWord(foreignWords(group), name) || group != "DEFAULT" && foreignResource(name) ||
		foreignTrigger(name) || strings.HasPrefix(name, "pg_") && hasWord(foreignLimits, name)
}

// foreignLimits are the limits of process groups.
const foreignLimits = "pg_blkio_weight pg_cpu_quota pg_cpu_shares pg_cpus pg_mem_limit pg_mem_oom_control " +
	"pg_mem_swappiness pg_mems pg_vmem_limit"

func foreignResource(name string) bool {
	return hasWord("always_on scsireserv no_preempt_abort prkey promote_rw provision_requires skip standby_optional", name)
}

// foreignTrigger reports whether name is one of the triggers or requirements of an action, as in
// blocking_pre_start or start_requires.
func foreignTrigger(name string) bool {
	name = strings.TrimPrefix(name, "blocking_")
	action, ok := strings.CutSuffix(name, "_requires")
	if !ok {
		action, ok = strings.CutPrefix(name, "pre_")
	}
	if !ok {
		action, ok = strings.CutPrefix(name, "post_")
	}
	return ok && hasWord("start stop provision unprovision shutdown sync sync_nodes sync_drp sync_update sync_break "+
		"sync_resync sync_restore sync_split sync_swap sync_quiesce", action)
}

func foreignWords(group string) string {
	switch group {
	case "DEFAULT":
		return "access anti_affinity autostart_node aws bwlimit children clustertype cluster_type comp_schedule constraints create_pg " +
			"dcsapps dns_nodes docker_daemon_args docker_daemon_private docker_data_dir docker_swarm_args " +
			"flex_cpu_high_threshold flex_cpu_low_threshold flex_max flex_min flex_min_nodes flex_max_nodes flex_target hard_affinity " +
			"hard_anti_affinity kind lock_timeout max_parallel_sync mode monitor_action monitor_schedule no_preempt_abort orchestrate " +
			"parents placement pool pool_schedule pre_monitor_action presnap_trigger priority prkey push_schedule push_resinfo_schedule " +
			"resinfo_schedule resource_monitor rollback scale scaler_slave scsireserv service_type show_disabled size slave slave_volume " +
			"slaves soft_affinity soft_anti_affinity stat_timeout status status_schedule stonith svc_type svcname sync_interval " +
			"sync_max_delay sync_schedule usr_schedule vm volume volumes"
	case "task":
		return "info name"
	case "fs":
		return "acl check_read create_options devices group ignore_encap mkfs_opt options path perm pool prkey quota refquota " +
			"refreservation reservation retry_umount size snap_size src subvol umount_timeout vg vol volume zone zone_path"
	case "ip":
		return "alias allocation cascade_allocation check_carrier container_rid del_net_route device dns_name_suffix dns_update " +
			"docker_daemon_ip eip expose gateway host ip_version link macaddr mode network netns nsdev nsdevname provisioner " +
			"public routes_destination services subnet sync vlan_mode vlan_tag wait_dns waitdns zone"
	case "app":
		return "configs_environment info info_timeout interpreter kill limit_as limit_core limit_cpu limit_data limit_fsize " +
			"limit_memlock limit_nofile limit_nproc limit_rss limit_stack limit_vmem registry_creds script scripts " +
			"secrets_environment start_seq status_log umask"
	}
	return ""
}

// groups lists the groups of resources that OpenSVC's agents know.
func groups() []string {
	return []string{
		"app", "certificate", "container", "disk", "expose", "fs", "hashpolicy", "hb", "ip", "route", "share", "subset",
		"sync", "task", "vhost", "volume",
	}
}
