/// The registry's entries of classic control.
namespace Rl.Core.Environments.ClassicControl

open Rl.Core.Environments

[<RequireQualifiedAccess>]
module internal ClassicControlEntries =

    let private cartPole (options: CartPoleOptions) =
        {
            Id = options.Id
            Summary = "Keep a pole upright on a cart that is pushed left or right."
            Keywords =
                [
                    Keyword.flag "sutton_barto_reward" false "reward 0 a step and -1 at the fall, instead of 1 a step"
                    Keyword.text
                        "kinematics_integrator"
                        "euler"
                        [ "euler"; "semi-implicit euler" ]
                        "whether positions move with the old velocities or the new"
                ]
            Create =
                fun values ->
                    let semiImplicit = Keyword.textOf values "kinematics_integrator" = "semi-implicit euler"

                    AnyEnvironment.Pack(
                        CartPole
                            { options with
                                SuttonBartoReward = Keyword.isSet values "sutton_barto_reward"
                                Integrator =
                                    if semiImplicit then
                                        KinematicsIntegrator.SemiImplicitEuler
                                    else
                                        KinematicsIntegrator.Euler
                            }
                    )
        }

    let private pendulum =
        {
            Id = Pendulum.V1.Id
            Summary = "Swing a pendulum up with a weak motor and keep it there."
            Keywords = [ Keyword.number "g" Pendulum.V1.Gravity "the acceleration of gravity, m/s²" ]
            Create =
                fun values -> AnyEnvironment.Pack(Pendulum { Pendulum.V1 with Gravity = Keyword.numberOf values "g" })
        }

    let private goalVelocity =
        Keyword.number "goal_velocity" 0.0 "the least velocity at which reaching the flag counts"

    let private mountainCar =
        {
            Id = MountainCar.V0.Id
            Summary = "Drive a weak car out of a valley by swinging, with pushes left and right."
            Keywords = [ goalVelocity ]
            Create =
                fun values ->
                    AnyEnvironment.Pack(
                        MountainCar { MountainCar.V0 with GoalVelocity = Keyword.numberOf values goalVelocity.Name }
                    )
        }

    let private mountainCarContinuous =
        {
            Id = MountainCarContinuous.V0.Id
            Summary = "Drive a weak car out of a valley by swinging, with a throttle and little fuel."
            Keywords = [ goalVelocity ]
            Create =
                fun values ->
                    AnyEnvironment.Pack(
                        MountainCarContinuous
                            { MountainCarContinuous.V0 with GoalVelocity = Keyword.numberOf values goalVelocity.Name }
                    )
        }

    let private acrobot =
        {
            Id = Acrobot.V1.Id
            Summary = "Swing two links up with a weak motor on the joint between them."
            Keywords =
                [
                    Keyword.text
                        "book_or_nips"
                        "book"
                        [ "book"; "nips" ]
                        "the equations of the book or of the 1996 paper"
                    Keyword.number "torque_noise_max" 0.0 "torques are off by up to this, N·m"
                ]
            Create =
                fun values ->
                    let options =
                        { Acrobot.V1 with
                            Dynamics =
                                if Keyword.textOf values "book_or_nips" = "nips" then
                                    AcrobotDynamics.Nips
                                else
                                    AcrobotDynamics.Book
                            TorqueNoise = Keyword.numberOf values "torque_noise_max"
                        }

                    if options.TorqueNoise = 0.0 then
                        AnyEnvironment.Pack(Acrobot options)
                    else
                        AnyEnvironment.Pack(NoisyAcrobot options)
        }

    let private swingUp =
        {
            Id = CartPoleSwingUp.Id
            Summary = "Swing a pole up that hangs from a cart, and keep it over the middle of the rail."
            Keywords = []
            Create = fun _ -> AnyEnvironment.Pack(CartPoleSwingUp())
        }

    /// Every environment of this family.
    let all: RegistryEntry list =
        [ cartPole CartPole.V0; cartPole CartPole.V1; swingUp; mountainCar; mountainCarContinuous; pendulum; acrobot ]
