/// Rewards and terminations that are known as functions of what is observed: for planning with a model that learns
/// dynamics alone.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Environments
open Rl.Core.Environments.ClassicControl

/// r(s, a, s′) of an observation, an action in the environment's numbers and the next observation.
type KnownReward =
    delegate of
        observation: ReadOnlySpan<float32> * action: ReadOnlySpan<float32> * next: ReadOnlySpan<float32> -> float

/// Whether a next observation is terminal.
type KnownTermination = delegate of next: ReadOnlySpan<float32> -> bool

/// What is known of a task beside its dynamics; what is not has to be learnt.
[<RequireQualifiedAccess>]
type KnownTask = { Reward: KnownReward option; Terminated: KnownTermination option }

/// The tasks of the registry whose rewards and terminations follow from observations, whatever their keywords.
[<RequireQualifiedAccess>]
module KnownTasks =

    let private never = KnownTermination(fun _ -> false)

    /// −(angle² + 0.1 velocity² + 0.001 torque²) of the state before the step.
    let private pendulum =
        {
            KnownTask.Reward =
                Some(
                    KnownReward(fun observation action _ ->
                        let angle = Math.Atan2(float observation[1], float observation[0])
                        let speed = float observation[2]
                        let torque = Math.Clamp(float action[0], -2.0, 2.0)
                        -(angle * angle + 0.1 * (speed * speed) + 0.001 * (torque * torque)))
                )
            KnownTask.Terminated = Some never
        }

    let private swingUp =
        {
            KnownTask.Reward =
                Some(
                    KnownReward(fun _ action next ->
                        CartPoleSwingUp.Reward(float next[0], float next[1], float next[2], float action[0]))
                )
            KnownTask.Terminated = Some never
        }

    /// Where the pole falls or the cart leaves its rail. What is paid then is a keyword's affair.
    let private cartPole =
        {
            KnownTask.Reward = None
            KnownTask.Terminated =
                Some(
                    KnownTermination(fun next ->
                        abs (float next[0]) > CartPoleConstants.PositionLimit
                        || abs (float next[2]) > CartPoleConstants.AngleLimit)
                )
        }

    /// Nothing is known.
    let none: KnownTask = { KnownTask.Reward = None; KnownTask.Terminated = None }

    /// What is known of the environment of an id.
    let find (id: string) : KnownTask =
        match id with
        | "Pendulum-v1" -> pendulum
        | "CartPoleSwingUp-v0" -> swingUp
        | "CartPole-v0"
        | "CartPole-v1" -> cartPole
        | _ -> none

    /// What is known of the task of an id, bare or within wrappers, unless all is to be learnt.
    let ofPlace (rewards: ImaginedRewards) (id: string) (isBare: bool) : KnownTask =
        match rewards with
        | ImaginedRewards.Learnt -> none
        | ImaginedRewards.Automatic -> if isBare then find id else none

    /// What is known of the task of some copies, unless all is to be learnt: of an environment without wrappers, which
    /// could show something else.
    let ofEnvironment (rewards: ImaginedRewards) (environment: BatchEnvironment) : KnownTask =
        ofPlace rewards environment.Id environment.Wrappers.IsEmpty

    /// r and whether s′ is terminal, as far as they are known, else as the model has them.
    let inline internal outcome
        (task: KnownTask)
        (observation: ReadOnlySpan<float32>)
        (action: ReadOnlySpan<float32>)
        (next: ReadOnlySpan<float32>)
        (learntReward: ReadOnlySpan<float32>)
        (learntEnd: ReadOnlySpan<float32>)
        (row: int)
        : struct (float * bool) =
        let reward =
            match task.Reward with
            | Some reward -> reward.Invoke(observation, action, next)
            | None -> float learntReward[row]

        let ends =
            match task.Terminated with
            | Some terminated -> terminated.Invoke next
            | None -> not learntEnd.IsEmpty && learntEnd[row] > 0.0f

        struct (reward, ends)
