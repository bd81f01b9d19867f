/// The samples of an update: which rows it reads, the number it gives of each, and which one a failure names.
module Rl.Tests.Learning.UpdateSampleTests

open System
open Rl.Core.Autodiff
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Tests.Learning.UpdateRegression
open Xunit

[<Theory; InlineData(3); InlineData(300)>]
let ``each sample's number comes in the order of the samples and moves nothing`` (m: int) =
    let xs, ys = data m

    let update =
        Update.create (
            plan [ beside "a" [ 1.0; 2.0 ] (sgd "slow" 0.1) ] 0.0 m (fun batch ->
                [ Term.mean "error" 1.0 (errors batch "a"); Term.each "each" (errors batch "a") ])
        )

    let before = run update xs ys 1 1
    let each = update.Each("each").ToArray()
    Assert.Equal(m, each.Length)

    for row in 0 .. m - 1 do
        let error = float xs[2 * row] + 2.0 * float xs[2 * row + 1] - float ys[row]
        Assert.Equal(error * error, float each[row], 1e-4)

    let bare =
        Update.create (
            plan [ beside "a" [ 1.0; 2.0 ] (sgd "slow" 0.1) ] 0.0 m (fun batch ->
                [ Term.mean "error" 1.0 (errors batch "a") ])
        )

    Assert.Equal<float32[]>((run bare xs ys 1 1).Array "a", before.Array "a")
    Assert.Throws<System.ArgumentException>(fun () -> update.Each "error" |> ignore) |> ignore

[<Theory; InlineData(false); InlineData(true)>]
let ``a minibatch has the rows that were chosen, whichever thread copies them`` (whole: bool) =
    let m = 400
    let xs, ys = data m
    let chosen = Array.init 256 (fun i -> (7 * i + 3) % m)

    let loss (batch: Batch) =
        // Read as a whole, or by lanes.
        let weights = if whole then batch.Own(batch.All y) else batch[y]
        let w = Expr.reshape [| 2; 1 |] (theta batch "w")
        [ Term.mean "error" 1.0 (Expr.square (Expr.squeeze -1 (Expr.matmul batch[x] w) - weights)) ]

    let update = Update.create (plan [ beside "w" [ 1.0; 2.0 ] (sgd "w" 0.1) ] 0.0 256 loss)

    let after threads =
        use workers = new Workers(threads)
        let draft = Draft(stateOf update)
        update.Load draft
        update.Choose(Samples.OfRollout(1, [ x, xs; y, ys ]), ArraySegment(Array.append [| 0; 0 |] chosen, 2, 256))
        update.Run workers
        update.Store draft
        draft.Array "w"

    let pick width (values: float32[]) = chosen |> Array.collect (fun row -> Array.sub values (row * width) width)
    let g = gradient (pick 2 xs) (pick 1 ys) [| 1.0; 2.0 |]
    close [| 1.0 - 0.1 * g[0]; 2.0 - 0.1 * g[1] |] (after 1)
    Assert.Equal<float32[]>(after 1, after 2)
    Assert.Equal<float32[]>(after 1, after 3)

[<Fact>]
let ``a failure names the sample, by its step and copy, of whichever side and lane it is`` () =
    let m = 256

    for side in [ "a"; "b" ] do
        let loss (batch: Batch) =
            [
                for group in [ "a"; "b" ] do
                    let error = errors batch group
                    Term.mean group 1.0 (if group = side then Expr.log (error + 1.0) else error)
            ]

        let update =
            Update.create (
                plan [ beside "a" [ 1.0; 2.0 ] (sgd "a" 0.1); beside "b" [ 1.0; 2.0 ] (sgd "b" 0.1) ] 0.0 m loss
            )

        let xs, ys = data (2 * m)
        ys[301] <- 3e38f
        let chosen = Array.init m (fun i -> 2 * m - 1 - i)

        let fail threads watched =
            use workers = new Workers(threads)
            let draft = Draft(stateOf update)
            update.Load draft
            update.Choose(Samples.OfRollout(4, [ x, xs; y, ys ]), ArraySegment chosen)
            if watched then update.Watch("test", 7L)

            try
                update.Run workers
            finally
                update.Unwatch()

        Assert.Throws<NonFiniteStep>(fun () -> fail 2 false) |> ignore

        for threads in 1..2 do
            let record = (Assert.Throws<TrainingFailure>(fun () -> fail threads true)).Record
            Assert.Equal((7L, 301 / 4, 301 % 4), (record.Update, record.RolloutStep, record.Copy))
            Assert.Contains(record.Inputs, (fun (name, _, _) -> name = "x"))
