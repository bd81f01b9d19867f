/// Learners that ask an expert while they train: how they are given one.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Foundations
open Rl.Core.Learning

/// Who is asked, once there is somebody.
[<Sealed>]
type internal ExpertPlace(algorithm: string) =
    let mutable known: Expert voption = ValueNone

    member _.Set(expert: Expert) = known <- ValueSome expert
    member _.IsEmpty = known.IsNone

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

/// A learner whose transitions ask an expert. Files hold none: who goes on gives it again.
[<Sealed>]
type internal LearnerWithExpert(inner: Learner, place: ExpertPlace) =
    inherit LearnerAround(inner)
    /// The expert that is asked from now on.
    member _.Teach(expert: Expert) : unit = place.Set expert
    /// Whether its first transition would fail.
    member _.HasNoExpert = place.IsEmpty

/// Giving experts.
[<AbstractClass; Sealed>]
type LearnerExpert private () =

    /// Whether the learner asks an expert and was given none yet.
    static member IsMissing(learner: Learner) : bool =
        Guard.notNull (nameof learner) learner

        match learner with
        | :? LearnerWithExpert as taught -> taught.HasNoExpert
        | _ -> false

    /// The learner, which asks this expert from now on; fails for one that asks nobody.
    static member Give(expert: Expert, learner: Learner) : Learner =
        Guard.notNull (nameof learner) learner

        match learner with
        | :? LearnerWithExpert as taught ->
            taught.Teach expert
            learner
        | _ ->
            Guard.fail
                (nameof expert)
                ($"{learner.Algorithm} asks no expert; dagger does. What {expert.Name} does can be recorded for bc, "
                 + "gail and airl: with Demonstrations.record, in C# with expert.Record.")
