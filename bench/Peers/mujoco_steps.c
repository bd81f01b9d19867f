/* Steps a second of MuJoCo's C library on our models, the peer of `bench -- quick --only env_`: controls in, frame_skip
   steps, mj_rnePostConstraint, positions and velocities out; random controls; a copy begins anew after 200 steps.

   apt-get install libmujoco-dev
   cc -O2 -o mujoco_steps bench/Peers/mujoco_steps.c -lmujoco
   sed 's/<mujoco[^>]*>/&<compiler autolimits="true"\/>/' \
     src/Rl.Core.FSharp/Environments/Robots/Models/half_cheetah.xml > half_cheetah.xml
   ./mujoco_steps half_cheetah.xml 5

   (The models rely on version 3, in which a range is a limit.)

   Prints the model, and the best of 50 blocks by the thread's CPU time. */
#include <mujoco/mujoco.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { STEPS = 200, BLOCKS = 50 };

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* SplitMix64: uniform in [0, 1). */
static double uniform(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1.0p-53;
}

static void begin(const mjModel *model, mjData *data, uint64_t *state)
{
    mj_resetData(model, data);
    for (int i = 0; i < model->nv; i++)
    {
        data->qvel[i] = 0.1 * (2 * uniform(state) - 1);
    }
    mj_forward(model, data);
}

int main(int count, char **arguments)
{
    char error[1000] = "";
    if (count != 3 || atoi(arguments[2]) < 1)
    {
        fprintf(stderr, "usage: %s MODEL.xml FRAME_SKIP\n", arguments[0]);
        return 2;
    }

    const int skip = atoi(arguments[2]);
    mjModel *model = mj_loadXML(arguments[1], NULL, error, sizeof error);
    if (!model)
    {
        fprintf(stderr, "%s: %s\n", arguments[1], error);
        return 1;
    }

    mjData *data = mj_makeData(model);
    double *seen = malloc(sizeof(double) * (size_t)(model->nq + model->nv));
    uint64_t state = 1;
    double best = 1e300;
    for (int block = 0; block < BLOCKS; block++)
    {
        begin(model, data, &state);
        const double start = seconds();
        for (int step = 0; step < STEPS; step++)
        {
            for (int i = 0; i < model->nu; i++)
            {
                const double *range = model->actuator_ctrlrange + 2 * i;
                data->ctrl[i] = range[0] + (range[1] - range[0]) * uniform(&state);
            }
            for (int i = 0; i < skip; i++)
            {
                mj_step(model, data);
            }
            mj_rnePostConstraint(model, data);
            memcpy(seen, data->qpos, sizeof(double) * (size_t)model->nq);
            memcpy(seen + model->nq, data->qvel, sizeof(double) * (size_t)model->nv);
        }
        const double taken = seconds() - start;
        best = taken < best ? taken : best;
    }

    printf("%s %.0f environment steps a second (MuJoCo %d)\n", arguments[1], STEPS / best, mj_version());
    free(seen);
    mj_deleteData(data);
    mj_deleteModel(model);
    return 0;
}
