/// Updates of named groups: what a loss connects, what moves how, and plans that cannot be.
module Rl.Tests.Learning.UpdateTests

open System
open Rl.Core.Autodiff
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Optimisers
open Rl.Tests.Learning.UpdateRegression
open Xunit

[<Fact>]
let ``an optimiser may read the value of a term, which must be there`` () =
    let xs, ys = data 256
    let start = [ 0.3; -0.2 ]
    // The step along the gradient of the mean error is 0.1 times that error.
    let reading name =
        { Optimiser.sgd (Schedule.constant 1.0) 0.0 0.0 false 0.0 with
            State = fun _ -> []
            Update = fun _ x state _ -> struct (Scaled.times (-0.1 * Term.value name) x, state)
        }

    let groups name = [ beside "a" start (GroupMotion.Learns("a", reading name)) ]
    let loss (batch: Batch) = [ Term.mean "error" 1.0 (errors batch "a") ]
    let update = Update.create (plan (groups "error") 0.0 256 loss)
    let moved = (run update xs ys 2 1).Array "a"
    let w = List.toArray start

    let error =
        Seq.average (
            seq {
                for row in 0..255 -> (float xs[2 * row] * w[0] + float xs[2 * row + 1] * w[1] - float ys[row]) ** 2.0
            }
        )

    close (Array.map2 (fun w g -> w - 0.1 * error * g) w (gradient xs ys w)) moved

    let refused =
        Assert.Throws<ArgumentException>(fun () -> Update.create (plan (groups "other") 0.0 256 loss) |> ignore)

    Assert.Contains("value of other", refused.Message)

[<Fact>]
let ``groups that no term joins are sides of their own; one that joins them makes them one`` () =
    let groups = [ beside "a" [ 1.0; 2.0 ] (sgd "a" 0.1); beside "b" [ 0.5; 0.0 ] (sgd "b" 0.1) ]

    let apart (batch: Batch) = [ Term.mean "a" 1.0 (errors batch "a"); Term.mean "b" 1.0 (errors batch "b") ]

    let joined batch = apart batch @ [ Term.once "both" 1.0 (Expr.sum (theta batch "a" * theta batch "b")) ]
    let reported batch = apart batch @ [ Term.reportOnce "both" (Expr.sum (theta batch "a" * theta batch "b")) ]
    let sides loss = (UpdateAnalysis.create (plan groups 0.0 200 loss)).Sides.Length
    Assert.Equal(2, sides apart)
    Assert.Equal(1, sides joined)
    Assert.Equal(2, sides reported)

[<Fact>]
let ``terms that share a product of matrices are one side, which computes it once`` () =
    let groups = [ beside "a" [ 1.0; 2.0 ] (sgd "a" 0.1); beside "b" [ 0.5; 0.0 ] (sgd "b" 0.1) ]

    // Both read x · a; only the first moves a, and only the second b.
    let terms (product: Expr) (batch: Batch) =
        let scale = Expr.sum (theta batch "b")

        [
            Term.mean "a" 1.0 (Expr.square (Expr.reshape [| product.Shape[0] |] product))
            Term.mean "b" 1.0 (scale * Expr.stopGradient (Expr.reshape [| product.Shape[0] |] product))
        ]

    let product (batch: Batch) = Expr.matmul batch[x] (Expr.reshape [| 2; 1 |] (theta batch "a"))
    let once (batch: Batch) = terms (product batch) batch
    let twice (batch: Batch) = [ (terms (product batch) batch).Head; (terms (product batch) batch).Tail.Head ]
    let sides loss = (UpdateAnalysis.create (plan groups 0.0 200 loss)).Sides.Length
    Assert.Equal(1, sides once)
    Assert.Equal(2, sides twice)

[<Theory; InlineData(40); InlineData(300)>]
let ``two groups move along their own gradients, each at its own rate, clipped by the norm of both`` (m: int) =
    let xs, ys = data m
    let a, b = [ 1.0; 2.0 ], [ 0.5; -1.0 ]

    for limit in [ 0.0; 0.7 ] do
        let groups = [ beside "a" a (sgd "slow" 0.1); beside "b" b (sgd "fast" 0.3) ]

        let update =
            Update.create (
                plan groups limit m (fun batch ->
                    [ Term.mean "a" 1.0 (errors batch "a"); Term.mean "b" 0.5 (errors batch "b") ])
            )

        let draft = run update xs ys 1 1
        let ga, gb = gradient xs ys (Array.ofList a), gradient xs ys (Array.ofList b) |> Array.map ((*) 0.5)
        let norm = sqrt (Array.sumBy (fun g -> g * g) (Array.append ga gb))
        let scale = if limit > 0.0 then min 1.0 (limit / norm) else 1.0
        Assert.Equal(norm, update.Scalar "gradientNorm", 1e-4)
        close (Array.map2 (fun w g -> w - 0.1 * scale * g) (Array.ofList a) ga) (draft.Array "a")
        close (Array.map2 (fun w g -> w - 0.3 * scale * g) (Array.ofList b) gb) (draft.Array "b")

[<Fact>]
let ``what is only reported moves nothing, even where it is infinite`` () =
    let m = 40
    let xs, ys = data m

    let moved reports =
        let update =
            Update.create (
                plan [ beside "a" [ 1.0; 2.0 ] (sgd "slow" 0.1) ] 0.0 m (fun batch ->
                    let far = Expr.sum (theta batch "a") * infinity

                    [
                        Term.mean "error" 1.0 (errors batch "a")
                        if reports then
                            Term.report "far" (far + batch[y])
                            Term.reportOnce "once" far
                    ])
            )

        (run update xs ys 1 3).Array "a"

    Assert.Equal<float32[]>(moved false, moved true)

[<Theory; InlineData(1); InlineData(3)>]
let ``a group becomes what a term says of all samples, and the loss sees it as it was`` (threads: int) =
    let m, times = 300, 3
    let xs, ys = data m

    let update =
        Update.create
            { plan
                  [ beside "a" [ 1.0; 2.0 ] (sgd "slow" 0.1); beside "largest" [ 0.5; 0.0 ] GroupMotion.Becomes ]
                  0.0
                  m
                  (fun batch ->
                      let before = theta batch "largest"
                      let mean = Expr.reshape [| 1 |] (Expr.mean batch[y])
                      let count = Expr.slice 0 1 2 before + 1.0

                      [
                          Term.mean "error" 1.0 (errors batch "a")
                          Term.becomes "largest" (Expr.concat 0 [ Expr.slice 0 0 1 before + mean; count ])
                          Term.reportOnce "before" (Expr.sum (Expr.slice 0 1 2 before))
                      ]) with
                Shape = SampleShape.wholeBatch m
            }

    let draft = run update xs ys threads times
    let mean = ys |> Array.averageBy float
    close [| 0.5 + float times * mean; float times |] (draft.Array "largest")
    // The last run saw what the one before had left.
    Assert.Equal(float (times - 1), update.Scalar "before")

    let alone =
        Update.create (
            plan [ beside "a" [ 1.0; 2.0 ] (sgd "slow" 0.1) ] 0.0 m (fun batch ->
                [ Term.mean "error" 1.0 (errors batch "a") ])
        )

    close ((run alone xs ys 1 times).Array "a" |> Array.map float) (draft.Array "a")

[<Fact>]
let ``a group that becomes something needs whole samples and a term of its own`` () =
    let create shape name count =
        let groups = [ beside "a" [ 1.0; 2.0 ] (sgd "slow" 0.1); beside "b" [ 0.0; 0.0 ] GroupMotion.Becomes ]

        let loss (batch: Batch) =
            [ Term.mean "error" 1.0 (errors batch "a"); Term.becomes name (Expr.ones [| count |]) ]

        Update.create { plan groups 0.0 100 loss with Shape = shape } |> ignore

    create (SampleShape.wholeBatch 100) "b" 2
    let fails (f: unit -> unit) = (Assert.Throws<System.ArgumentException> f).Message
    Assert.Contains("whole", fails (fun () -> create (SampleShape.steps 100) "b" 2))
    Assert.Contains("no term of 2 numbers", fails (fun () -> create (SampleShape.wholeBatch 100) "c" 2))
    Assert.Contains("no term of 2 numbers", fails (fun () -> create (SampleShape.wholeBatch 100) "b" 3))

[<Fact>]
let ``one optimiser of two sides counts once and keeps the numbers of each`` () =
    let m = 300
    let xs, ys = data m
    let adam = GroupMotion.Learns("adam", Optimiser.adam (Schedule.constant 0.1) 1e-8)

    let both =
        Update.create (
            plan [ beside "a" [ 1.0; 2.0 ] adam; beside "b" [ 0.5; -1.0 ] adam ] 0.0 m (fun batch ->
                [ Term.mean "a" 1.0 (errors batch "a"); Term.mean "b" 1.0 (errors batch "b") ])
        )

    let alone name values =
        let update =
            Update.create (
                plan [ beside name values adam ] 0.0 m (fun batch -> [ Term.mean "error" 1.0 (errors batch name) ])
            )

        (run update xs ys 1 5).Array name

    let draft = run both xs ys 2 5
    Assert.Equal(5.0f, (draft.Array "adam/count").[0])
    Assert.Equal(4, (draft.Array "adam/firstMoment").Length)
    close (alone "a" [ 1.0; 2.0 ] |> Array.map float) (draft.Array "a")
    close (alone "b" [ 0.5; -1.0 ] |> Array.map float) (draft.Array "b")

[<Fact>]
let ``a target follows the new place of its leader, and a still group stays`` () =
    let m = 50
    let xs, ys = data m
    let start, target, still = [ 1.0; 2.0 ], [ -1.0; 0.0 ], [ 3.0; 4.0 ]

    let groups =
        [
            beside "critic" start (sgd "critic" 0.1)
            beside "target" target (GroupMotion.Follows("critic", 0.25))
            beside "still" still GroupMotion.Stays
        ]

    // The target and the still group are read, and learn nothing.
    let loss (batch: Batch) =
        let w = Expr.reshape [| 2; 1 |]
        let read group = Expr.squeeze -1 (Expr.matmul batch[x] (w (theta batch group)))
        [ Term.mean "error" 1.0 (Expr.square (read "critic" - (read "target" + read "still"))) ]

    let draft = run (Update.create (plan groups 0.0 m loss)) xs ys 1 1

    let aims =
        Array.init m (fun row ->
            float32 (float xs[2 * row] * (target[0] + still[0]) + float xs[2 * row + 1] * (target[1] + still[1])))

    let moved = Array.map2 (fun w g -> w - 0.1 * g) (Array.ofList start) (gradient xs aims (Array.ofList start))
    close moved (draft.Array "critic")
    close (Array.map2 (fun old aim -> old + 0.25 * (aim - old)) (Array.ofList target) moved) (draft.Array "target")
    close (Array.ofList still) (draft.Array "still")

[<Fact>]
let ``what leaves its range is put back`` () =
    let m = 50
    let xs, ys = data m
    let group = { beside "w" [ 0.1; 0.1 ] (sgd "w" 100.0) with Project = Some(Expr.maximum (Expr.number 0.05)) }
    let update = Update.create (plan [ group ] 0.0 m (fun batch -> [ Term.mean "error" 1.0 (errors batch "w") ]))
    let w = (run update xs ys 1 1).Array "w"
    Assert.Contains(0.05f, w)
    Assert.All(w, (fun value -> Assert.True(value >= 0.05f)))

[<Fact>]
let ``a rate is an input`` () =
    let m = 20
    let xs, ys = data m
    let motion = GroupMotion.Learns("w", Optimiser.sgd (Schedule.input rate.Name) 0.0 0.0 false 0.0)

    let update =
        Update.create (
            plan [ beside "w" [ 1.0; 2.0 ] motion ] 0.0 m (fun batch -> [ Term.mean "error" 1.0 (errors batch "w") ])
        )

    let g = gradient xs ys [| 1.0; 2.0 |]

    for value in [ 0.1; 0.4 ] do
        update.Set(rate, value)
        close [| 1.0 - value * g[0]; 2.0 - value * g[1] |] ((run update xs ys 1 1).Array "w")

[<Fact>]
let ``plans that cannot be are refused`` () =
    let refused part groups =
        let error =
            Assert.ThrowsAny<ArgumentException>(fun () ->
                UpdateSource.create (plan groups 0.0 8 (fun batch -> [ Term.mean "error" 1.0 (errors batch "w") ]))
                |> ignore)

        Assert.Contains((part: string), error.Message)

    let w = beside "w" [ 1.0; 2.0 ]
    refused "one name" [ w (sgd "w" 0.1); w (sgd "v" 0.1) ]
    refused "learns" [ w GroupMotion.Stays ]
    refused "follows v" [ w (sgd "w" 0.1); beside "u" [ 1.0; 1.0 ] (GroupMotion.Follows("v", 0.1)) ]
    refused "follows w" [ w (sgd "w" 0.1); beside "u" [ 1.0 ] (GroupMotion.Follows("w", 0.1)) ]
    refused "no group w" [ beside "u" [ 1.0 ] (sgd "u" 0.1) ]

[<Fact>]
let ``averages that decay to subnormal numbers are kept as zeros`` () =
    let adam = GroupMotion.Learns("w", Optimiser.adam (Schedule.constant 1e-3) 1e-5)
    let loss (batch: Batch) = [ Term.mean "error" 1.0 (errors batch "w") ]
    let update = Update.create (plan [ beside "w" [ 1.0; 2.0 ] adam ] 0.0 4 loss)
    let zeros = Array.zeroCreate<float32> 8, Array.zeroCreate<float32> 4
    use workers = new Workers(1)
    let draft = Draft(stateOf update)
    // Both averages are about to leave the normal numbers, or have left them already: the gradient of zeros is 0.
    let averages = update.Arrays |> List.map fst |> List.filter (fun name -> name <> "w")

    for name in averages do
        let values = draft.Overwritten name

        for index in 0 .. values.Length - 1 do
            values[index] <- if index % 2 = 0 then 1e-42f else 1e-3f

    update.Load draft
    update.ChooseAll(Samples.OfRollout(1, [ x, fst zeros; y, snd zeros ]))
    update.Run workers
    update.Store draft
    let kept = averages |> List.map draft.Current
    Assert.All(kept, fun values -> Assert.All(values, fun value -> Assert.False(Single.IsSubnormal value)))
    Assert.Contains(kept, fun values -> values |> Array.exists (fun value -> value > 0.0f))
