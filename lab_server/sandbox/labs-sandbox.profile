# AppArmor's say in what a learner's container may do (apparmor.d(5)); docker-default, which it takes the place of, forbids every mount.
#
# A sandbox is made of mounts and user namespaces, so those are allowed. What is denied are the kernel's own levers: the ids of
# a sandbox are nobody's on the host and can't move them anyway; this holds, too, for a process that came to be more than that.
abi <abi/4.0>,

profile labs-sandbox flags=(attach_disconnected,mediate_deleted) {
  capability,
  network,
  file,
  mount,
  remount,
  umount,
  pivot_root,
  userns,
  mqueue,
  unix,

  signal (send,receive) peer=labs-sandbox,
  signal (receive) peer=unconfined,
  ptrace (trace,tracedby,read,readby) peer=labs-sandbox,
  ptrace (tracedby,readby) peer=unconfined,

  deny capability sys_module,
  deny capability sys_rawio,
  deny capability sys_boot,
  deny capability sys_time,
  deny capability mac_admin,
  deny capability mac_override,

  deny /**/kcore rwklx,
  deny /**/sysrq-trigger rwklx,
  deny /**/kmsg wklx,
  deny /**/sys/kernel/core_pattern wklx,
  deny /**/sys/kernel/modprobe wklx,
  deny /**/sys/kernel/hotplug wklx,
  deny /**/sys/fs/binfmt_misc/** wklx,
  deny /**/sys/vm/** wklx,
  deny /**/kernel/security/** rwklx,
  deny /**/kernel/debug/** rwklx,
  deny /**/kernel/tracing/** rwklx,
  deny /**/firmware/efi/** rwklx,
  deny /**/power/state wklx,
}
