/// Learners that ask an expert while they train: how they are given one.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Foundations
open Rl.Core.Learning

/// A learner whose transitions ask an expert. Files hold none: who goes on gives it again.
[<AbstractClass>]
type TaughtLearner() =
    inherit Learner()
    /// The expert that is asked from now on.
    abstract Teach: expert: Expert -> unit

/// Who is asked, once there is somebody.
[<Sealed>]
type internal ExpertPlace(algorithm: string) =
    let mutable known: Expert voption = ValueNone

    member _.Set(expert: Expert) = known <- ValueSome expert

    /// The expert; `ExpertFailure` while there is none.
    member _.Expert: Expert =
        match known with
        | ValueSome expert -> expert
        | ValueNone ->
            raise (
                ExpertFailure(
                    $"{algorithm} asks an expert what it would have done, and has none: give it one with "
                    + "LearnerExpert.Give, in C# with agent.Teach(expert), on the command line with --expert.",
                    null
                )
            )

/// A learner with a place for an expert.
[<Sealed>]
type internal LearnerWithExpert(inner: Learner, place: ExpertPlace) =
    inherit TaughtLearner()
    override _.Teach expert = place.Set expert
    override _.Algorithm = inner.Algorithm
    override _.Environment = inner.Environment
    override _.Network = inner.Network
    override _.Layout = inner.Layout
    override _.Options = inner.Options
    override _.TotalSteps = inner.TotalSteps
    override _.Misfit state = inner.Misfit state
    override _.Initialise key = inner.Initialise key
    override _.Transition state = inner.Transition state
    override _.Dispose() = inner.Dispose()

/// Giving experts.
[<AbstractClass; Sealed>]
type LearnerExpert private () =

    /// The learner, which asks this expert from now on; fails for one that asks nobody.
    static member Give(expert: Expert, learner: Learner) : Learner =
        Guard.notNull (nameof learner) learner

        match learner with
        | :? TaughtLearner as taught ->
            taught.Teach expert
            learner
        | _ ->
            Guard.fail
                (nameof learner)
                ($"{learner.Algorithm} asks no expert; dagger does. What it does can be recorded "
                 + "(Demonstrations.record) for bc, gail and airl.")
