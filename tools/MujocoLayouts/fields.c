// Prints where the fields that Rl.MuJoCo reads lie in a version's mjModel, mjData and mjContact: a name and a number a line.
#include <stddef.h>
#include <stdio.h>

#include <mujoco/mujoco.h>

#define MODEL(field) printf("model.%s\t%zu\n", #field, offsetof(mjModel, field));
#define DATA(field) printf("data.%s\t%zu\n", #field, offsetof(mjData, field));
#define CONTACT(field) printf("contact.%s\t%zu\n", #field, offsetof(mjContact, field));

int main(void) {
  printf("version\t%d\n", mjVERSION_HEADER);
  printf("model.countBytes\t%zu\n", sizeof(((mjModel*)0)->nq));

  MODEL(nq) MODEL(nv) MODEL(nu) MODEL(na) MODEL(nbody) MODEL(njnt) MODEL(ngeom) MODEL(nsite) MODEL(ntendon)
  MODEL(nsensor) MODEL(nkey) MODEL(nsensordata)
  MODEL(opt.timestep) MODEL(opt.integrator)
  MODEL(qpos0) MODEL(body_mass) MODEL(body_parentid) MODEL(jnt_type) MODEL(jnt_qposadr) MODEL(jnt_dofadr)
  MODEL(jnt_bodyid) MODEL(jnt_limited) MODEL(jnt_range) MODEL(dof_jntid) MODEL(geom_type) MODEL(geom_bodyid)
  MODEL(geom_size) MODEL(geom_rgba) MODEL(actuator_trntype) MODEL(actuator_trnid) MODEL(actuator_ctrllimited)
  MODEL(actuator_ctrlrange) MODEL(sensor_dim) MODEL(sensor_adr)

  DATA(warning) DATA(ncon) DATA(nefc) DATA(time) DATA(qpos) DATA(qvel) DATA(act) DATA(qacc_warmstart) DATA(ctrl)
  DATA(qfrc_applied) DATA(xfrc_applied) DATA(qacc) DATA(sensordata) DATA(xpos) DATA(xquat) DATA(xmat) DATA(xipos)
  DATA(geom_xpos) DATA(geom_xmat) DATA(site_xpos) DATA(subtree_com) DATA(cinert) DATA(cvel) DATA(qfrc_actuator)
  DATA(qfrc_constraint) DATA(cfrc_ext) DATA(ten_length) DATA(ten_velocity) DATA(contact)

  printf("contact.size\t%zu\n", sizeof(mjContact));
  CONTACT(dist) CONTACT(pos) CONTACT(frame) CONTACT(dim) CONTACT(geom1) CONTACT(geom2)

  printf("warning.badqpos\t%d\n", mjWARN_BADQPOS);
  printf("warning.badqvel\t%d\n", mjWARN_BADQVEL);
  printf("warning.badqacc\t%d\n", mjWARN_BADQACC);
  printf("warning.badctrl\t%d\n", mjWARN_BADCTRL);
  printf("object.body\t%d\nobject.joint\t%d\n", mjOBJ_BODY, mjOBJ_JOINT);
  printf("object.geom\t%d\nobject.site\t%d\n", mjOBJ_GEOM, mjOBJ_SITE);
  printf("object.tendon\t%d\nobject.actuator\t%d\n", mjOBJ_TENDON, mjOBJ_ACTUATOR);
  printf("object.sensor\t%d\nobject.keyframe\t%d\n", mjOBJ_SENSOR, mjOBJ_KEY);
  return 0;
}
