/// What a learner and a worker must agree on before a worker acts: version, vectors, environment, spaces.
namespace Rl.Core.Distributed

open System
open System.Reflection
open Rl.Core.Foundations
open Rl.Core.Kernels
open Rl.Core.Environments
open Rl.Core.Training

/// A worker cannot act for a learner: it has another version, other vectors, another environment or other spaces. The
/// message says what differs and what to do.
[<Sealed>]
type ShareRefusal(message: string) =
    inherit Exception(message)

/// One side of what must be equal.
type internal ShareContract =
    {
        Version: string
        /// The width of vectors, which last bits depend on.
        VectorBits: int
        Environment: string
        /// The wrappers around it, which a worker puts around its own where it can.
        Wrapping: Wrapping
        Observations: Space
        Actions: Space
        MaxEpisodeSteps: int
        HasActionMasks: bool
        /// The bytes of a copy in the parts of a snapshot.
        CopyBytes: int list
    }

[<RequireQualifiedAccess>]
module internal ShareContract =

    /// The layout of descriptions, requests and answers; another number is another layout.
    [<Literal>]
    let Format = 2

    /// The library's version in this process.
    let version: string =
        match typeof<ShareRefusal>.Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>() with
        | null -> string (typeof<ShareRefusal>.Assembly.GetName().Version)
        | attribute -> attribute.InformationalVersion

    /// What a batch of copies in this process offers; `ArgumentException` for one whose copies cannot be apart.
    let ofBatch (batch: BatchEnvironment) : ShareContract =
        batch.RequireSameStep()

        let refuse reason =
            Guard.fail
                "environment"
                ($"Copies of {batch.Id} cannot act in several processes: {reason}. To normalise, use the algorithm's "
                 + "options NormaliseObservations and NormaliseRewards instead of wrappers.")

        let copyBytes =
            match batch.CopyBytes with
            | Ok _ when batch.IsCoupled -> refuse "its wrappers learn from all copies together"
            | Ok sizes -> sizes
            | Error reason -> refuse reason

        {
            Version = version
            VectorBits = VectorWidth.bits
            Environment = batch.Id
            Wrapping = Wrapping.ofBatch batch
            Observations = batch.ObservationSpace
            Actions = batch.ActionSpace
            MaxEpisodeSteps = batch.MaxEpisodeSteps
            HasActionMasks = batch.HasActionMasks
            CopyBytes = copyBytes
        }

    let private wrappers (contract: ShareContract) = contract.Wrapping.Wrappers |> List.map string

    let private list (contract: ShareContract) =
        match wrappers contract with
        | [] -> "no wrapper"
        | texts -> String.Join(", ", texts)

    /// Why a worker that found this version cannot go on to read what else the learner asks for.
    let otherVersion (learner: string) : string =
        $"The worker runs version {version} of Rl, the learner {learner}: install the same version on both."

    /// What of a worker's side differs from the learner's, and what to do; nothing if they agree.
    let misfit (learner: ShareContract) (worker: ShareContract) : string option =
        let here, there = worker.Environment, learner.Environment

        if worker.Version <> learner.Version then
            Some(otherVersion learner.Version)
        elif worker.VectorBits <> learner.VectorBits then
            Some
                $"The worker computes with vectors of {worker.VectorBits} bits, the learner with {learner.VectorBits}, \
                  which differ in last bits: set RL_VECTOR_BITS={min worker.VectorBits learner.VectorBits} on both."
        elif here <> there then
            Some $"The worker has the environment {here}, the learner {there}: start both with the same environment."
        elif wrappers worker <> wrappers learner then
            Some
                $"The worker's {here} is within {list worker}, the learner's within {list learner}: use the same \
                  wrappers."
        elif worker.Observations <> learner.Observations then
            Some
                $"The worker's {here} shows {worker.Observations}, the learner's {learner.Observations}: use the \
                  same environment with the same options on both."
        elif worker.Actions <> learner.Actions || worker.HasActionMasks <> learner.HasActionMasks then
            let masked (side: ShareContract) = if side.HasActionMasks then " with masks" else ""

            Some
                $"The worker's {here} takes the actions {worker.Actions}{masked worker}, the learner's \
                  {learner.Actions}{masked learner}: use the same environment with the same options on both."
        elif worker.MaxEpisodeSteps <> learner.MaxEpisodeSteps then
            Some
                $"Episodes of the worker's {here} are cut after {worker.MaxEpisodeSteps} steps, the learner's after \
                  {learner.MaxEpisodeSteps}: give both the same limit."
        elif worker.CopyBytes <> learner.CopyBytes then
            Some
                $"The worker's states of {here} have {List.sum worker.CopyBytes} bytes, the learner's \
                  {List.sum learner.CopyBytes}: use the same build of the environment on both."
        else
            None

    let write (output: BinaryOut) (contract: ShareContract) : unit =
        output.Int contract.VectorBits
        output.Text contract.Environment
        WrapperFormat.writeWrapping output contract.Wrapping
        CheckpointFormat.writeSpace output contract.Observations
        CheckpointFormat.writeSpace output contract.Actions
        output.Int contract.MaxEpisodeSteps
        output.Byte(if contract.HasActionMasks then 1 else 0)
        output.Ints(List.toArray contract.CopyBytes)

    let read (version: string) (input: BinaryIn) : ShareContract =
        let bits = input.Int()
        let environment = input.Text()
        let wrapping = WrapperFormat.readWrapping input
        let observations = CheckpointFormat.readSpace input
        let actions = CheckpointFormat.readSpace input
        let limit = input.Int()
        let masks = input.Byte() <> 0

        {
            Version = version
            VectorBits = bits
            Environment = environment
            Wrapping = wrapping
            Observations = observations
            Actions = actions
            MaxEpisodeSteps = limit
            HasActionMasks = masks
            CopyBytes = input.Ints() |> Array.toList
        }
