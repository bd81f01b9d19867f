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

    /// Every environment of this family.
    let all: RegistryEntry list = [ cartPole CartPole.V0; cartPole CartPole.V1; pendulum ]
