/// Domain randomisation as a wrapper: the robots of a batch become robots whose numbers each episode draws.
namespace Rl.Core.Wrappers

open System
open Rl.Core.Environments
open Rl.Core.Environments.Robots
open Rl.Core.Foundations

/// The copies of another environment in the place of those of `bare`: a robot's numbers are below all wrappers.
[<Sealed>]
type internal DynamicsRandomised private (wrapper: Wrapper, bare: BatchEnvironment, randomised: BatchEnvironment) =
    inherit WrappedBatch(wrapper, randomised, None, None)

    /// The batch as it is without the wrapper.
    member _.Bare = bare

    /// Draws the numbers of a robot's episodes within bounds. `ArgumentException` where the batch is of no robot of the
    /// library or has wrappers, and for bounds and bodies that make no sense.
    static member Bind(wrapper: Wrapper, bare: BatchEnvironment, ranges: DynamicsRanges) : BatchEnvironment =
        match bare.Source with
        | :? IRobot as robot ->
            let environment = RandomisedRobot.create robot.Task ranges bare.Count
            DynamicsRandomised(wrapper, bare, environment.Vectorise(bare.Count, bare.MaxEpisodeSteps))
        | _ when not bare.Wrappers.IsEmpty ->
            Guard.fail
                "environment"
                ("RandomizeDynamics changes the robot itself and must stand next to it, below "
                 + String.Join(", ", bare.Wrappers)
                 + ": give it first.")
        | _ ->
            Guard.fail
                "environment"
                ($"RandomizeDynamics changes masses and forces of a robot of the library, such as Hopper-v5; {bare.Id} "
                 + "is none, or was made by a factory: give the environment itself, which is copied.")

    /// What a policy by itself shows to its networks, who has no privileged numbers: zeros in their place.
    static member Unprivileged(wrapper: Wrapper, inner: BatchEnvironment, ranges: DynamicsRanges) : BatchEnvironment =
        let transform =
            RowTransform(fun source destination ->
                source.CopyTo destination
                destination.Slice(source.Length).Clear())

        RowWrapper(wrapper, inner, DynamicsRanges.observations ranges inner.ObservationSpace, transform)
