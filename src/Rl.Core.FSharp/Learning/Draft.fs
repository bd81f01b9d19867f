/// A state's numbers while updates move them.
namespace Rl.Core.Learning

open System

/// θ and the named arrays of a state while updates move them. What is written to is copied first, so that the state
/// stays as it was.
[<Sealed>]
type Draft(state: TrainingState) =
    let names = state.Arrays |> List.map fst |> List.toArray
    // θ first, then the arrays.
    let arrays = Array.append [| state.Parameters |] (state.Arrays |> List.map snd |> List.toArray)
    let isOwn = Array.zeroCreate<bool> arrays.Length
    let frozen = state.Frozen

    let writable index =
        if not isOwn[index] then
            arrays[index] <- Array.copy arrays[index]
            isOwn[index] <- true

        arrays[index]

    let indexOf (name: string) =
        match Array.IndexOf(names, name) with
        | -1 ->
            NamedArrays.find name state.Arrays |> ignore
            -1
        | index -> index + 1

    /// The blocks of θ that are frozen.
    member internal _.Frozen = frozen
    /// θ, to be written to.
    member _.Theta = writable 0
    /// The array of a name, to be written to; fails if there is none.
    member _.Array(name: string) : float32[] = writable (indexOf name)
    /// θ as it is, to be read.
    member internal _.CurrentTheta = arrays[0]
    /// The array of a name as it is, to be read.
    member internal _.Current(name: string) : float32[] = arrays[indexOf name]

    /// The array of a name, all of which is going to be written: its numbers are not copied.
    member internal _.Overwritten(name: string) : float32[] =
        let index = indexOf name

        if not isOwn[index] then
            arrays[index] <- Array.zeroCreate<float32> arrays[index].Length
            isOwn[index] <- true

        arrays[index]

    /// A state with θ and the arrays as they are now, which must not be written to any more.
    member _.Onto(state: TrainingState) : TrainingState =
        { state with
            Parameters = arrays[0]
            Arrays = names |> Array.mapi (fun index name -> name, arrays[index + 1]) |> Array.toList
        }
